"""Linked tiles in a git repository: hook, settings, git-lfs agent, history; git itself does the rest."""
