"""What a file says of itself and how it looks: one format, one room; knows nothing of S3."""
