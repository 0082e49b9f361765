"""The site's settings for a test run: a var folder of its own, so that tests never touch the one of this machine."""

import atexit
import os
import shutil
import sys
import tempfile

from tests.support.servers import cache_of_its_own

if "pytest" in sys.modules:  # a process that a test starts keeps what it was given
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="avatar-tests-")
    atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)
    if os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = cache_of_its_own(os.environ["REDIS_URL"])

from avatarsite.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each client of a test loads the middleware anew, and this one would read every static file each time.
WHITENOISE_AUTOREFRESH = True

if not DATABASE_URL:  # noqa: F405
    # A file and not memory: a server's thread then has a connection of its own, as it has in life. Nothing that a test
    # writes has to survive a power cut.
    DATABASES["default"]["TEST"] = {"NAME": os.environ["VAR_DIR"] + "/test.sqlite3"}  # noqa: F405
    DATABASES["default"]["OPTIONS"]["init_command"] = "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;"  # noqa: F405
