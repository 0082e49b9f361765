"""Tasks: registered and queued here, the one seam between us and django-q2.

A task is a nudge to look at a row; the row is the truth. Names are ``<app>.<function>`` in that app's ``tasks.py``,
arguments are JSON-able keywords (ids, mostly), and a task returns None.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from django_q.tasks import async_task

from avatarsite.monitoring import logs

MAIN, WATCH = "main", "watch"
CLUSTERS = (MAIN, WATCH)


@dataclass(frozen=True, slots=True)
class Task:
    """How a task is run: as usual, when somebody queues it, on the main cluster and within that cluster's limit."""

    every_minutes: int = 0  # by the clock as well
    cluster: str = MAIN  # what runs long has one of its own, so that it never stands in the way of short work
    timeout: int | None = None  # seconds, for what may take longer than its cluster's own limit


_registered: dict[str, Task] = {}


def register(name: str, *, every_minutes: int = 0, cluster: str = MAIN, timeout: int | None = None) -> None:
    """Called by each app's config for those of its tasks that are not run as usual."""
    _registered[name] = Task(every_minutes, cluster, timeout)


def task_of(name: str) -> Task:
    return _registered.get(name, Task())


def registered() -> dict[str, Task]:
    return dict(_registered)


def by_the_clock() -> dict[str, Task]:
    return {name: task for name, task in _registered.items() if task.every_minutes}


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
    options = options_of(name, cluster=cluster)
    if request := logs.current("request"):
        options["group"] = request  # so that the lines of both can be found together
    async_task(path_of(name), **arguments, q_options=options)


def options_of(name: str, *, cluster: str = "") -> dict[str, Any]:
    """How django-q2 is to run the task, whether somebody queues it or the clock does."""
    # The cluster is always named: left out, django-q2 takes that of the process we happen to be in.
    task = task_of(name)
    options: dict[str, Any] = {"task_name": name, "cluster": cluster or task.cluster}
    return options | {"timeout": task.timeout} if task.timeout else options
