"""The one seam between us and the task queue.

A task is a nudge to look at a row; the row is the truth. Names are ``<app>.<function>`` in that app's ``tasks.py``,
arguments are JSON-able keywords (ids, mostly), and a task returns None.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from django_q.tasks import async_task

MAIN, WATCH = "main", "watch"
CLUSTERS = (MAIN, WATCH)
APPS = ("avatarsite", "billing", "studio")  # those with tasks
# What runs long has a cluster of its own, so that it never stands in the way of short work.
ON_WATCH = frozenset({"studio.watch", "avatarsite.send_webhooks"})
# Seconds for tasks that may take longer than the cluster's own limit: a copy may have to be converted, a file be sent.
LONGER: dict[str, int] = {"studio.ingest": 900, "studio.deliver": 900, "studio.verify_storage": 900}


def path_of(name: str) -> str:
    """``studio.submit`` lives at ``studio.tasks.submit``."""
    app, function = name.split(".")
    return f"{app}.tasks.{function}"


def resolve(name: str) -> Callable[..., None]:
    module, function = path_of(name).rsplit(".", 1)
    found: Callable[..., None] = getattr(import_module(module), function)
    return found


def enqueue(name: str, /, *, cluster: str = "", **arguments: Any) -> None:
    """Queue the task ``name``, on the cluster that serves it unless another is given.

    The queue's row is written by the caller's transaction, so it commits with the state change that it speaks of and
    vanishes with a rollback.
    """
    json.dumps(arguments)
    # The cluster is always named: left out, django-q2 takes that of the process we happen to be in.
    options: dict[str, Any] = {"task_name": name, "cluster": cluster or (WATCH if name in ON_WATCH else MAIN)}
    if name in LONGER:
        options["timeout"] = LONGER[name]
    async_task(path_of(name), **arguments, q_options=options)
