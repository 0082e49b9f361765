"""Captions of a video: wished for, made beside it, drawn into a copy of it, changed and deleted. They cost nothing."""
