"""Who asks S3: the choice, the broker process that holds it, and what it is allowed; no objects are moved here."""
