"""The doors at which anybody asks what a video is: a page without sign-in, and the API."""
