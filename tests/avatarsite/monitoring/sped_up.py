"""The site with a clock of its own for the look at the queue: a minute takes three seconds."""

from avatarsite.monitoring import standstill
from avatarsite.queue import heartbeat
from avatarsite.wsgi import application
from tests.avatarsite.monitoring import FASTER

standstill.LOOK_SECONDS /= FASTER
standstill.PATIENCE /= FASTER
heartbeat.SILENT_SECONDS //= FASTER

__all__ = ["application"]
