"""How objects become tiles: found, planned, described, fitted together, and only then recorded."""
