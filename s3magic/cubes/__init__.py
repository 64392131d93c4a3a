"""Iris on S3: its own load and save take ``s3://`` URLs while this room is led into it."""
