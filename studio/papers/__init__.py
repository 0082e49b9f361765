"""Papers of a video: what is signed into each file that leaves the house and read again, the right to its inputs."""
