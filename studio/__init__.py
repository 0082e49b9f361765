"""Studio: portraits, voices and the videos that are made of them. ``docs/architecture.md`` has the way of a render.

From the ground up, each room above those that it uses (import-linter holds it):

- ``errors.py``: refusals that several rooms raise. ``media/``: probing, normalising, conversion, and the draft engine.
- ``providers/``: who makes videos: a contract, a registry of what is sold, an adapter for each provider.
- ``models/``: the rows. ``storage/``: files on disk or in a bucket, their links and their count.
- ``uploads/``: portraits and voices taken in. ``projects.py`` and ``library.py``: what a workspace has.
- ``representation.py``: a render as the API and our webhooks give it.
- ``pipeline/``: the way of a render, from quote to settled charge.
- ``forms.py`` and ``snippets.py``: a video asked for as a form, and the same as code.
- ``views/``, ``api/``, ``gateway/`` (the providers' own protocols), ``admin/``, ``webhooks.py``: the doors.
- ``tasks.py``, ``management/``, ``apps.py``, ``urls.py``: what calls them, and when.
"""
