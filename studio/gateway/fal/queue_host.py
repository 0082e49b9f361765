"""The routes of the host that FAL_QUEUE_RUN_HOST names."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from studio.gateway.fal.urls import queue

# Whatever is asked for is queue's; the site's own routes are there so that a link to it can be made meanwhile.
urlpatterns = [*queue, path("", include(settings.ROOT_URLCONF))]
