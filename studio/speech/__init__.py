"""Speech: a script becomes a voice. ``speak.speak`` is the door; ``script`` and ``estimate`` ask no row and no engine.

A speech is spoken in parts of as many characters as its engine takes at once. Each part is a row that is written before
its engine is asked, so a worker that dies costs no part twice; joined, they are an upload that knows its words and when
each of its sentences is heard.
"""
