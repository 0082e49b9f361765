"""Notes that are taken by the way: that a token was used, that a page was watched. No reading fails for want of one."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, transaction

from avatarsite.outages.disk import is_full

logger = logging.getLogger(__name__)


@contextmanager
def by_the_way() -> Iterator[None]:
    """Left out while the disk is full; whatever else is wrong with the database is told."""
    try:
        with transaction.atomic():
            yield
    except DatabaseError as error:
        if not is_full(error):
            raise
        logger.warning("A note was left out: the disk is full.")
