"""Objects and bytes on S3: one contract over memory and HTTP, and what reads through it."""
