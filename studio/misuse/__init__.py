"""Reports of misuse: anybody says that a video of ours should not be shown, and the operator decides on the desk."""
