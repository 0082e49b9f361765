"""Runware's protocol: arrays of tasks to one address, answered task by task."""
