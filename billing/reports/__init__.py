"""Reports for the books of whoever runs the service."""
