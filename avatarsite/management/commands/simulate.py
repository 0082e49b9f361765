from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console

# What a real installation may have set, and the stand-ins' site must not touch.
NOT_OURS = (
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "OPERATOR_EMAIL",
    "SECRET_KEY",
    "ALLOWED_HOSTS",
    "SOCKETS_URL",
)
STOP_SECONDS = 70
BANK_SECONDS = 20.0  # how long a bank debit takes on the payment page of Stripe's stand-in


class Command(BaseCommand):
    help = "Starts stand-ins of the providers and of Stripe on this machine and a demo site against them, until Ctrl-C."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--no-serve", action="store_true", help="end after the demo's first render")
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument("--speed", type=float, default=20.0, help="provider seconds per second")

    def handle(self, *_args: Any, **options: Any) -> None:
        _refuse_what_can_not_work(options["port"])
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt), ExitStack() as stack:
            addresses = stack.enter_context(_stand_ins(options["speed"], options["port"]))
            environment = _environment(addresses, options["port"])
            shells = Path(environment["VAR_DIR"]) / "environment"
            write_for_shells(shells, environment)
            stack.callback(shells.unlink, missing_ok=True)
            _say(Console(), options["speed"], shells)
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "demo", "--port", str(options["port"])]
            command += ["--no-serve"] if options["no_serve"] else []
            _run(command, environment)


def _refuse_what_can_not_work(port: int) -> None:
    if find_spec("aiohttp") is None or not (settings.BASE_DIR / "tests" / "simulators").is_dir():
        raise CommandError(
            "The stand-ins are part of the tests; `make simulate` in a checkout installs what they need."
        )
    for needed in (port, port + 1):  # the site's, and its WebSocket's
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", needed))
            except OSError as error:
                raise CommandError(f"Port {needed} is taken; choose another: make simulate PORT=8011.") from error


@contextmanager
def _stand_ins(speed: float, port: int) -> Iterator[dict[str, str]]:
    """Stand-ins of the providers and of Stripe, and the variables with which a site finds them."""
    stripe = ["tests.simulators.stripe", "--webhook-url", f"http://127.0.0.1:{port}/hooks/stripe/"]
    stripe += ["--set", f"async_seconds={BANK_SECONDS}"]
    with ExitStack() as stack:
        providers = stack.enter_context(_stand_in(["tests.simulators", "--speed", str(speed)]))
        yield providers | stack.enter_context(_stand_in(stripe))


@contextmanager
def _stand_in(module: list[str]) -> Iterator[dict[str, str]]:
    """One process of stand-ins, which ends with this one, and what it says a site needs."""
    command = [sys.executable, "-m", *module, "--until-stdin-ends"]
    process = subprocess.Popen(
        command, cwd=settings.BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise CommandError("The stand-ins did not start; what they said is above.")
        yield json.loads(line)["environment"]
    finally:
        process.terminate()
        process.communicate()


def _environment(addresses: dict[str, str], port: int) -> dict[str, str]:
    """A site of its own on this machine: nothing of an installation that this shell may know is used."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name.removesuffix("_FILE") not in NOT_OURS and not name.startswith(("S3_", "STRIPE_", "PUBLIC_URL"))
    }
    return kept | {
        **addresses,
        "VAR_DIR": str(settings.BASE_DIR / "var" / "simulate"),
        # The address may be of a tunnel to this machine, or of the proxy before it.
        "PUBLIC_URL": settings.PUBLIC_URL or f"http://127.0.0.1:{port}",
        "STAND_INS": "1",
    }


def write_for_shells(path: Path, environment: dict[str, str]) -> None:
    """A file that another shell can read in, so that its ``manage.py`` means this site and these stand-ins."""
    ours = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    left_out = " ".join(f"{name} {name}_FILE" for name in (*NOT_OURS, "S3_BUCKET") if name not in ours)
    lines = [f"unset {left_out}", *(f"export {name}={shlex.quote(value)}" for name, value in ours.items())]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _say(console: Console, speed: float, shells: Path) -> None:
    said = (
        "[bold]The providers and Stripe are stand-ins[/bold] on this machine. No key is used, nothing leaves it, no "
        f"money is spent, and they work {speed:g} times as fast. Their videos are test pictures."
    )
    console.print(said)
    named = shells.relative_to(settings.BASE_DIR)
    console.print(f"In another shell, [bold]. {named}[/bold] makes manage.py mean this site, too.\n", highlight=False)


def _run(command: list[str], environment: dict[str, str]) -> None:
    """The demo until it ends, or until Ctrl-C, which reaches us alone: it is stopped before its providers are."""
    process = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, start_new_session=True)
    try:
        process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(STOP_SECONDS)
    if process.returncode:
        raise CommandError("The demo site ended with an error; what it said is above.")
