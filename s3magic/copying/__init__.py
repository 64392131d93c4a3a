"""Copying between S3 and disk: what is at both ends → a plan → transfers → a report; composes nothing for the user."""
