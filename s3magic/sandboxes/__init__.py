"""A local S3 with teaching data, in a process of its own; no account and no network needed."""
