"""Videos too long for any offer: planned in parts, made side by side, joined into one file.

The *whole* is a render that its customer sees; each part is a render of its own (``Part`` says which stretch it has),
sent, watched, settled and given up like any other. The whole is moved on by ``work.py`` when its parts have ended.
"""
