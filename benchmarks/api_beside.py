"""Settings of the site of benchmarks/api.py: the site, and beside it the bare views that it is measured against."""

from avatarsite.settings import *  # noqa: F403

ROOT_URLCONF = "benchmarks.api_urls"
