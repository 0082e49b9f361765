"""What the admin site asks of the pipeline: how it stands, its days added up, what is where, what is not sold."""
