"""The site in a hurry: what looks at the queue once a minute looks every second, and is patient for three."""

from datetime import timedelta

from avatarsite.monitoring import standstill
from avatarsite.queue import heartbeat
from avatarsite.wsgi import application

standstill.LOOK_SECONDS = 1.0
standstill.PATIENCE = timedelta(seconds=3)
# A sign of life comes every two seconds.
heartbeat.SILENT_SECONDS = 10

__all__ = ["application"]
