from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table

from avatarsite.errors import DomainError
from billing.models import Transfer
from billing.money import usd, usd_at_most, usd_balance
from studio import demo
from studio.models import Render, RenderState
from studio.pipeline.drive import drive
from studio.storage.local import place_of
from studio.terminal import StageBars

STOP_SECONDS = 60


class Command(BaseCommand):
    help = "Sets up a demo workspace, renders one video and serves the dashboard until Ctrl-C."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--no-serve", action="store_true", help="end after the render")
        parser.add_argument("--port", type=int, default=8000)

    def handle(self, *_args: Any, **options: Any) -> None:
        console = Console()
        for name in ("billing", "studio"):
            logging.getLogger(name).setLevel(logging.WARNING)  # the screen is for the bars
        console.print("[bold]Setting up[/bold] in", str(settings.VAR_DIR))
        call_command("migrate", verbosity=0, interactive=False)
        workspace, logins = demo.seed_demo()
        try:
            first = demo.first_video(workspace)
        except DomainError as refusal:
            raise CommandError(f"The demo video can't be made. {refusal}") from refusal
        render = self._render(console, first)
        _report(console, render)
        if options["no_serve"]:
            return
        _invite(console, logins, options["port"])
        serve(options["port"])

    def _render(self, console: Console, render: Render) -> Render:
        console.print(f"[bold]Rendering[/bold] “{render.title}” from the two files in samples/")
        with StageBars(console) as bars:
            render = drive(render.pk, on_look=bars)
        if render.state != RenderState.READY:
            raise CommandError(f"{render.failure_message} Nothing was charged.")
        return render


def _report(console: Console, render: Render) -> None:
    console.print(f"\n[bold]Video[/bold]    {place_of(render.video.name or '')}", soft_wrap=True, highlight=False)
    console.print(f"[bold]Measured[/bold] {(render.measured_ms or 0) / 1000:.3f} s, {render.width} × {render.height}")
    charge, ceiling = usd(render.charge_micros or 0), usd_at_most(render.ceiling_micros)
    console.print(f"[bold]Charged[/bold]  {charge} (the quote was at most {ceiling})\n")
    table = Table("Ledger line", "from", "to", "amount", "balance after", box=None, header_style="bold")
    lines = Transfer.objects.filter(subject=f"render:{render.pk}").select_related("debit", "credit").order_by("pk")
    for line in lines:
        after = "" if line.owner_balance is None else usd_balance(line.owner_balance)
        table.add_row(line.get_kind_display(), line.debit.code, line.credit.code, usd(line.amount_micros), after)
    console.print(table if lines else "No ledger line: the draft engine's price is $0 a second here.")


def _invite(console: Console, logins: list[demo.Login], port: int) -> None:
    site = settings.PUBLIC_URL or f"http://127.0.0.1:{port}"
    console.print(f"\n[bold]Dashboard[/bold]  {site}/    [bold]Admin site[/bold]  {site}/admin/")
    console.print(f"[bold]WebSocket[/bold]  {_sockets_url(port)}/compat/runware/v1, for Runware's own clients")
    table = Table("E-mail", "Password", "", box=None, header_style="bold")
    for login in logins:
        table.add_row(login.email, login.password, login.what_for)
    console.print(table)
    console.print("Ctrl-C stops it.", style="dim")


def _sockets_url(port: int) -> str:
    return os.environ.get("SOCKETS_URL") or f"ws://127.0.0.1:{port + 1}"


def serve(port: int) -> None:
    """Run web, worker and sockets until Ctrl-C, or until web or worker ends: another may listen where sockets would."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    environment = os.environ | {"SOCKETS_URL": _sockets_url(port)}
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    web, worker = [*manage, "web", "--bind", f"127.0.0.1:{port}"], [*manage, "worker"]
    sockets = [*manage, "sockets", "--port", str(port + 1)]
    # In sessions of their own: Ctrl-C reaches us alone, and we stop them in order and gracefully.
    started = [
        subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, start_new_session=True)
        for command in (web, worker, sockets)
    ]
    with suppress(KeyboardInterrupt):
        while all(process.poll() is None for process in started[:2]):
            time.sleep(0.3)
    for process in started:
        process.terminate()
    for process in started:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=STOP_SECONDS)
    if any(process.poll() is None for process in started):
        raise CommandError("The worker is still busy; it stops when it has finished what it has begun.")
