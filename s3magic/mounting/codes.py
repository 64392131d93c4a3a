"""What the kernel asks of a file system, and what it is told unasked: the numbers of linux/fuse.h."""

from __future__ import annotations

LOOKUP, FORGET, GETATTR = 1, 2, 3
OPEN, READ, STATFS, RELEASE, INIT, OPENDIR = 14, 15, 17, 18, 26, 27
READDIR, RELEASEDIR, ACCESS, INTERRUPT, DESTROY, BATCH_FORGET, READDIRPLUS = 28, 29, 34, 36, 38, 42, 44
WRITING = frozenset({4, 6, 8, 9, 10, 11, 12, 13, 16, 21, 24, 35, 43, 45, 47, 51})
"""setattr symlink mknod mkdir unlink rmdir rename link write setxattr removexattr create fallocate rename2
copy_file_range tmpfile"""
NOTIFY_ENTRY, NOTIFY_STORE = 3, 4
