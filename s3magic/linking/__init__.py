"""Linked tiles: a folder that records objects of S3 without copying them, readable by git-lfs."""
