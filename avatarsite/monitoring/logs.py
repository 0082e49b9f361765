"""Logs: lines for people, or JSON by LOG_FORMAT, each with what it is about; nothing private is in either.

What a line is about stands in context variables, ``request``, ``workspace``, ``render``, ``job``, ``task``, set where a
request, a task or a look of the watch begins. Whoever logs writes ``logger.info`` as ever.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import structlog
from structlog.contextvars import (
    bind_contextvars,
    bound_contextvars,
    clear_contextvars,
    get_contextvars,
    merge_contextvars,
)
from structlog.stdlib import ProcessorFormatter

from avatarsite.monitoring.scrub import scrub, scrub_all

FORMATS = ("text", "json")
LINE = "{asctime} {levelname} {name} {message}"


def about(**names: str) -> AbstractContextManager[None]:
    """Within the block every line is about these, too."""
    return bound_contextvars(**_known(names))


def is_about(**names: str) -> None:
    """From here to the end of the request or task every line is about these, too."""
    bind_contextvars(**_known(names))


def begin(**names: str) -> None:
    """A request or a task begins: lines are about these, and no more about what was before."""
    clear_contextvars()
    bind_contextvars(**_known(names))


def current(name: str) -> str:
    """What lines are about now, by its name; "" for nothing."""
    return str(get_contextvars().get(name, ""))


def logging_config(format_name: str, level: str) -> dict[str, Any]:
    """``settings.LOGGING``."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"text": {"()": Lines, "format": LINE, "style": "{"}, "json": {"()": json_formatter}},
        "filters": {"no_turning_away": {"()": _no_turning_away}},
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": format_name}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Ours say it, with its route and without its address.
            "django.request": {"level": "ERROR", "filters": ["no_turning_away"]},
            "django-q": {"level": "WARNING"},
            # Says how many wait for a thread, each time that one does.
            "waitress.queue": {"level": "ERROR"},
            # Of a pipeline that a statement has broken it tells of all the others, too; the first is raised.
            "psycopg": {"level": "ERROR"},
            # At INFO it writes each address that is asked, and what stands in some is a signature.
            "httpx": {"level": "WARNING"},
            "avatarsite": {"level": "INFO"},
            # A line for each request: of use to machines, which read JSON.
            "avatarsite.monitoring.requests": {"level": "INFO" if format_name == "json" else "WARNING"},
            "billing": {"level": "INFO"},
            "studio": {"level": "INFO"},
        },
    }


def _no_turning_away() -> Callable[[logging.LogRecord], bool]:
    from avatarsite.outages.busy import is_no_turning_away  # noqa: PLC0415 -- it needs the settings, which ask for this

    return is_no_turning_away


class Lines(logging.Formatter):
    """A line for people."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub(super().format(record))


def json_formatter() -> ProcessorFormatter:
    """One JSON object a line: event, level, logger, time, what it is about, the trace of an exception."""
    return ProcessorFormatter(
        foreign_pre_chain=[
            merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(allow=("route", "method", "status", "ms")),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            _scrubbed,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    )


def _scrubbed(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    found: dict[str, Any] = scrub_all(dict(event))
    return found


def _known(names: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in names.items() if value}
