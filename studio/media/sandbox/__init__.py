"""A sandbox for strangers' media: every decoder runs in a child with limits, no network and no files but its own.

``client.run`` is the door. ``server`` is one small process for all processes of a site: it has the decoders loaded and
forks a child for each job, so many at once, taking turns by owner. ``confine`` is what a child does to itself first.
Needs no Django.
"""

from studio.media.sandbox.client import keep_warm, run
from studio.media.sandbox.limits import Excess, Limits, OverLimit

__all__ = ["Excess", "Limits", "OverLimit", "keep_warm", "run"]
