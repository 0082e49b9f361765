"""Renditions: a finished video in other formats, made afterwards for whoever asks.

``ask`` writes and takes back the wish, ``make`` makes the file. They cost nothing and count as stored.
"""
