"""The site's settings for a test run: a var folder of its own, so that tests never touch the one of this machine."""

import atexit
import os
import shutil
import sys
import tempfile

if "pytest" in sys.modules:  # a process that a test starts keeps the folder that it was given
    os.environ["VAR_DIR"] = tempfile.mkdtemp(prefix="avatar-tests-")
    atexit.register(shutil.rmtree, os.environ["VAR_DIR"], ignore_errors=True)

from avatarsite.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
