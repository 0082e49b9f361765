"""Runware's protocol: arrays of tasks to one address, answered task by task, by HTTP or over a WebSocket.

Only Runware has ``batch`` and ``tasks`` (what an array and its tasks do), ``media`` and ``usage`` (of the tasks that
make no video), and for the WebSocket ``socket`` (a connection), ``hub`` (all of them), ``frames`` and ``pushes``.
"""
