from __future__ import annotations

import gc
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connections
from django.urls import get_resolver
from django.utils.module_loading import import_string

from avatarsite.web.processes import Processes
from avatarsite.web.succession import listening_socket
from avatarsite.web.waiting import Limits

PROCESSES, THREADS = 1, 16
# A page makes thousands of objects that are gone with it: looked through each 700 of them, as Python does, up to a
# tenth of a page's time went there.
COLLECTED_AFTER = (20_000, 20, 50)


class Command(BaseCommand):
    help = "Serves the site: dashboard, API, gateway and admin site. SIGTERM stops it gracefully, SIGUSR2 renews it."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--bind", default="127.0.0.1:8000", help="host:port, such as 127.0.0.1:8000 or [::]:8000")
        parser.add_argument("--processes", type=int, default=PROCESSES, help="they share the port and the memory")
        parser.add_argument("--threads", type=int, default=THREADS, help="of each process; a quarter of them may wait")
        parser.add_argument("--app", default="avatarsite.wsgi.application", help="the WSGI application, by its path")

    def handle(self, *_args: Any, **options: Any) -> None:
        bind = _bind(options["bind"])
        for name, least in (("processes", 1), ("threads", 4)):
            if options[name] < least:
                raise CommandError(f"--{name} is {options[name]}; give at least {least}.")
        application = import_string(options["app"])
        # Every page is loaded by the first request; loaded here, all processes share one copy.
        assert get_resolver().reverse_dict is not None  # noqa: S101
        for path in settings.WARM_UP:
            import_string(path)()
        started_with = [import_string(path) for path in settings.STARTED_WITH]
        connections.close_all()  # a connection must not have two owners
        gc.collect()
        gc.freeze()
        gc.set_threshold(*COLLECTED_AFTER)
        Processes(
            application,
            listening_socket(bind),
            count=options["processes"],
            limits=Limits(options["threads"], settings.WEB_WAITING, settings.WEB_WAIT_SECONDS),
            started_with=started_with,
        ).run()


def _bind(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise CommandError(f"--bind is {text!r}; write host:port, such as 127.0.0.1:8000.")
    return host.strip("[]"), int(port)
