"""Previews of objects: a few kilobytes of each, a page of many, and links made on demand; nothing is stored on S3."""
