"""The routes of the host that FAL_RUN_HOST names."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from studio.gateway.fal.urls import run

# Whatever is asked for is run's; the site's own routes are there so that a link to it can be made meanwhile.
urlpatterns = [*run, path("", include(settings.ROOT_URLCONF))]
