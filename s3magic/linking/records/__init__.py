"""A linked dataset on disk: its records, and its tiles by name, read and written whole; asks no server."""
