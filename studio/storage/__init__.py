"""Stored files: on disk or in a bucket, their signed links, who serves them, and the count of a workspace's bytes."""
