"""A site that is open: a real web server, a real worker, and a way to hold the draft engine still."""

from __future__ import annotations

import base64
import email
import email.policy
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from tests.support.servers import free_ports
from tests.support.sites import ROOT, Site, Started, fresh_site

SEATS = 4  # one workspace gets three of them
OPEN_WITHIN = 240.0
STOPPED_WITHIN = 90.0
PRICE_PER_SECOND = "0.01"


@dataclass(frozen=True)
class LiveSite:
    """``started`` are web server and worker, ``slugs`` has the workspace of everybody who moved in before."""

    site: Site
    address: str
    process: subprocess.Popen[str]
    started: list[Started]
    slugs: dict[str, str] = field(default_factory=dict)

    def ask(self, name: str, *arguments: Any, **named: Any) -> Any:
        """What a function of ``tests.browser.site_process`` gives, called in a process of the site."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps([name, arguments, named]) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "said" in answer, answer["broke"]
        return answer["said"]

    def link_mailed_to(self, address: str, subject: str, *, after: int = 0) -> str:
        """The link in the newest letter of this subject, once there are more than ``after``; mails are files here."""
        wait_until(lambda: len(self.letters_to(address, subject)) > after, OPEN_WITHIN)
        body = self.letters_to(address, subject)[-1].get_body(("plain",))
        assert body is not None
        (link,) = re.findall(rf"^{re.escape(self.address)}/\S+$", body.get_content(), re.MULTILINE)
        return str(link)

    def letters_to(self, address: str, subject: str) -> list[EmailMessage]:
        """Those that were sent, oldest first."""
        return [letter for letter in self._letters() if letter["To"] == address and subject in str(letter["Subject"])]

    def _letters(self) -> list[EmailMessage]:
        files = sorted((self.site.folder / "mail").glob("*.log"), key=lambda file: file.stat().st_mtime_ns)
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]

    @contextmanager
    def engine_taken(self) -> Iterator[None]:
        """The test sits on every seat of the draft engine: what is asked for meanwhile stays in making."""
        sitters = self._seated()
        try:
            yield
        finally:
            sitters.kill()
            sitters.communicate()

    def _seated(self, tries: int = 3) -> subprocess.Popen[str]:
        """Sitters that have every seat. Twice in some hundred times they had ended at once; then others are sent, and
        what the first ones said is printed."""
        command = [sys.executable, "-m", "tests.browser.sitters", str(SEATS)]
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        sitters = subprocess.Popen(command, cwd=ROOT, env=self.site.environment, **pipes)
        assert sitters.stdout
        if [sitters.stdout.readline() for _ in range(SEATS)] == ["seated\n"] * SEATS:
            return sitters
        sitters.kill()
        said = sitters.communicate()[1]
        print(f"The sitters have ended ({sitters.returncode}):\n{said}")
        assert tries > 1, said
        return self._seated(tries - 1)

    def engine_says(self, reference: str, word: str, content: dict[str, Any]) -> None:
        """Put ``progress`` or the ``end`` of a job into the mouth of an engine that waits for its seat."""
        job = self.site.folder / "draft-engine" / reference
        wait_until((job / "starts").exists, OPEN_WITHIN)
        unfinished = job / f".{word}.test"
        unfinished.write_text(json.dumps(content), encoding="utf-8")
        unfinished.rename(job / f"{word}.json")

    def stored_video(self, render_id: str) -> bytes:
        return base64.b64decode(self.ask("stored_video", render_id))


@contextmanager
def open_house(
    folder: Path,
    *names: str,
    application: str = "avatarsite.wsgi.application",
    is_public: bool = False,
    **variables: str,
) -> Iterator[LiveSite]:
    """``variables`` are more of the site's environment. One that ``is_public`` knows its address: mails lead to it."""
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    if is_public:
        variables["PUBLIC_URL"] = address
    with (
        fresh_site(
            folder, DRAFT_PRICE_PER_SECOND=PRICE_PER_SECOND, WORKERS="2", LOCAL_AT_ONCE=str(SEATS), **variables
        ) as site,
        process_of(site) as process,
    ):
        manage = str(ROOT / "manage.py")
        web = [manage, "web", "--bind", f"127.0.0.1:{port}", "--app", application]
        started: list[Started] = [site.serve(*web, log="web.log"), site.serve(manage, "worker", log="worker.log")]
        live_site = LiveSite(site, address, process, started)
        try:
            live_site = replace(live_site, slugs=live_site.ask("seed", *names))
            wait_until(lambda: is_open(live_site, started), OPEN_WITHIN)
            yield live_site
        finally:
            stop(started)


@contextmanager
def process_of(site: Site) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.browser.site_process"]
    with (
        (site.folder / "site_process.log").open("wb") as log,
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        ) as process,
    ):
        yield process


def is_open(live_site: LiveSite, started: list[Started]) -> bool:
    ended = [process.args for process in started if process.poll() is not None]
    assert not ended, f"{ended} ended; the logs are in {live_site.site.folder}"
    try:
        with urllib.request.urlopen(f"{live_site.address}/healthz", timeout=10) as answer:
            health = json.load(answer)
    except OSError:
        return False
    return set(health["clusters"].values()) == {"ok"}


def stop(started: list[Started]) -> None:
    for process in started:
        process.terminate()
    for process in started:
        try:
            process.wait(timeout=STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            # Each was started in a session of its own.
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise


def wait_until(true: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not so within {seconds} s"
        time.sleep(0.1)
