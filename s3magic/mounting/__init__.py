"""A prefix of a bucket as a folder of ordinary files: the built-in engine and the life of its mounts."""
