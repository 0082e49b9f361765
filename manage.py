#!/usr/bin/env python
"""Django's command line for Avatar Studio."""

import gc
import os
import sys

from django.core.management import execute_from_command_line

# What is imported stays: looked through each 700 objects, as Python does, a seventh of the start went there.
COLLECTED_AFTER = (50_000, 20, 50)

if __name__ == "__main__":
    gc.set_threshold(*COLLECTED_AFTER)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")
    execute_from_command_line(sys.argv)
