"""Dockerfile, compose.yaml, Procfile and systemd units start the same, and what they start serves and stops."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from tests.avatarsite.monitoring.test_standstill import CANARIES, until
from tests.support.paths import ROOT
from tests.support.servers import free_ports, scratch_folder
from tests.support.sites import Site, fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("deploying")]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
SOCKETS = sorted((ROOT / "deploy").glob("*.socket"))
# As compose.yaml has it: the root and the code read-only, a tmpfs, and a user who is nobody special.
READ_ONLY = """
mount --bind {data} {data} && mount --bind {code} {code} && mount -t tmpfs tmpfs "$TMPDIR" &&
mount -o remount,bind,ro / && mount -o remount,bind,ro {code} && ! touch {code}/written &&
exec unshare --user --map-user=10001 --map-group=10001 {python} {code}/manage.py demo --no-serve
"""
HOST = re.compile(r"(--host |--bind )[\d.]+")


def procfile() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return found


def unit(path: Path) -> dict[str, list[str]]:
    """The values of each name, in their order."""
    found: dict[str, list[str]] = {}
    for line in path.read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def plain(command: str) -> str:
    """A command of manage.py as it is without variables, and without where it listens."""
    command = re.sub(r"\$\{\w+:-(\w+)\}", r"\1", command)
    return HOST.sub(r"\g<1>HOST", command.partition("manage.py ")[2])


def test_all_of_them_start_the_same() -> None:
    wanted = {name: plain(command) for name, command in procfile().items() if name != "release"}
    assert wanted == {
        "web": "web --bind HOST:8000 --processes 2",
        "worker": "worker",
        "sockets": "sockets --host HOST --port 8001",
    }
    services = compose()["services"]
    assert {name: plain(services[name]["command"]) for name in wanted} == wanted
    assert {path.stem.removeprefix("avatar-studio-"): plain(unit(path)["ExecStart"][0]) for path in UNITS} == wanted
    (command,) = re.findall(r"^CMD (\[.*\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    assert plain(" ".join(yaml.safe_load(command))) == wanted["web"]


def test_a_release_migrates_and_seeds_before_anything_serves() -> None:
    wanted = ["migrate --noinput", "seed"]
    assert [plain(part) for part in procfile()["release"].split(" && ")] == wanted
    services = compose()["services"]
    (shell,) = re.findall(r'sh -c "(.*)"', services["release"]["command"])
    assert [plain(part) for part in shell.split(" && ")] == wanted
    for name in ("web", "worker", "sockets"):
        assert services[name]["depends_on"]["release"] == {"condition": "service_completed_successfully"}
    (web,) = (path for path in UNITS if path.stem.endswith("-web"))
    assert [plain(part) for part in unit(web)["ExecStartPre"]] == wanted


def test_a_worker_is_stopped_alone_and_has_the_time_that_it_needs() -> None:
    for path in UNITS:
        assert unit(path)["KillMode"] == ["mixed"], path.name
    (worker,) = (path for path in UNITS if path.stem.endswith("-worker"))
    assert unit(worker)["TimeoutStopSec"] == ["300"]
    assert compose()["services"]["worker"]["stop_grace_period"] == "300s"


def test_a_socket_of_systemd_is_the_one_that_its_service_would_open() -> None:
    assert [path.stem for path in SOCKETS] == ["avatar-studio-sockets", "avatar-studio-web"]
    for path in SOCKETS:
        service = unit(path.with_suffix(".service"))
        told = re.search(r"--(?:bind|host) ([\d.]+)(?::| --port )(\d+)", service["ExecStart"][0])
        assert told is not None
        assert (unit(path)["ListenStream"], service["Requires"]) == ([":".join(told.groups())], [path.name])


def test_systemd_takes_the_units(tmp_path: Path) -> None:
    for path in [*UNITS, *SOCKETS]:
        text = path.read_text().replace("/opt/avatar-studio/.venv/bin/python", sys.executable)
        (tmp_path / path.name).write_text(text)
    files = [str(tmp_path / path.name) for path in [*UNITS, *SOCKETS]]
    done = subprocess.run(["systemd-analyze", "verify", *files], capture_output=True, text=True, check=False)
    ours = [line for line in done.stderr.splitlines() if "avatar-studio" in line]
    assert (done.returncode, ours) == (0, [])


def test_hadolint_finds_nothing() -> None:
    linter = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert linter is not None
    done = subprocess.run([linter, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of which the static files are collected, as the image has them."""
    folder = tmp_path_factory.mktemp("deployed")
    with fresh_site(folder, STATIC_ROOT=str(folder / "collected"), PUBLIC_URL="") as made:
        (folder / "collected").mkdir()
        made.manage("collectstatic", "--noinput", "-v", "0")
        yield made


def started(site: Site, name: str, **variables: str) -> subprocess.Popen[bytes]:
    """A line of the Procfile, by a shell, as those who read such files start them."""
    bound = replace(site, environment={**site.environment, **variables})
    command = procfile()[name].replace("python ", f"{shlex.quote(sys.executable)} ", 1)
    with (site.folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"],
            cwd=ROOT,
            env=bound.environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def stopped(process: subprocess.Popen[bytes], seconds: float) -> int:
    process.send_signal(signal.SIGTERM)
    try:
        return process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False).status_code < 500
    except httpx.TransportError:
        return False


def test_what_they_start_serves_and_stops(site: Site) -> None:
    port, sockets_port = free_ports(2)
    web = started(site, "web", PORT=str(port))
    worker = started(site, "worker")
    sockets = started(site, "sockets", SOCKETS_PORT=str(sockets_port))
    try:
        until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), 60)
        until(lambda: answers(f"http://127.0.0.1:{sockets_port}/compat/runware/v1"), 60)
        until(lambda: site.ask(CANARIES) == 2, 90)
        until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60)
        static_files_are_hashed(f"http://127.0.0.1:{port}")
    finally:
        codes = [stopped(process, seconds) for process, seconds in ((web, 30), (sockets, 20), (worker, 300))]
    assert codes == [0, -signal.SIGTERM, 0]  # uvicorn ends by the signal that it was told to stop by


def test_a_video_is_made_on_a_read_only_root_by_an_ordinary_user(tmp_path: Path) -> None:
    with scratch_folder("tmpfs") as temporary, fresh_site(tmp_path, TMPDIR=str(temporary)) as site:
        script = READ_ONLY.format(data=tmp_path, code=ROOT, python=sys.executable)
        done = subprocess.run(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
            env=site.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert (done.returncode, "Read-only file system" in done.stderr) == (0, True), done.stdout + done.stderr
        assert site.rows("SELECT state FROM studio_render") == [("ready",)]
    assert not (ROOT / "written").exists()


def static_files_are_hashed(address: str) -> None:
    """Every script, style and picture of a page: by a name of its content, compressed, and kept for ever."""
    with httpx.Client(base_url=address, trust_env=False, headers={"Accept-Encoding": "br"}) as browser:
        page = browser.get("/").text
        paths = sorted(set(re.findall(r'(?:href|src)="(/static/[^"#?]+)', page)))
        assert len(paths) > 5
        assert [path for path in paths if not re.search(r"\.[0-9a-f]{12}\.\w+$", path)] == []
        for path in paths:
            answer = browser.get(path)
            assert (answer.status_code, "immutable" in answer.headers["Cache-Control"]) == (200, True), path
            if path.endswith((".js", ".css")) and len(answer.content) > 500:
                assert answer.headers["Content-Encoding"] == "br", path
        (script,) = (path for path in paths if "/js/app." in path)
        imported = re.findall(r'import ?"(\./[^"]+)"', browser.get(script).text)
        assert len(imported) > 5
        assert {browser.get(f"/static/js/{name}").status_code for name in imported} == {200}
        assert [name for name in imported if not re.search(r"\.[0-9a-f]{12}\.js$", name)] == []
