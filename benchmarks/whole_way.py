"""The whole way of a render, from ``POST /api/v1/renders`` to ``ready``, beside the least that anybody could do.

On PostgreSQL (every commit on the disk), Valkey and a bucket, with one web process, one worker and fal's stand-in,
which answers at once and calls back. The least, by hand, against the same stand-in and database: one insert, one
submit, a status, a download to the disk, one update, in one process with as many at once as ours has clients.

Prints renders a second, processor milliseconds a render by part, SQL statements a render, and seconds by task.

Usage: ``python -m benchmarks.whole_way [--renders 1000] [--clients 16]``.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import secrets
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import psycopg

from benchmarks.processes import Meter
from tests.simulators.fixture import Simulators, running_simulators
from tests.simulators.protocol_fal import STANDARD
from tests.studio.api.live import LiveApi, live_api
from tests.support.servers import postgres_server, s3_server, valkey_server

MODEL = "kling-avatar-2-standard"
PLENTY = 10**10
VOICE_MS = 4000
NO_LIMITS = {"FAL_AT_ONCE": "0", "FAL_PER_SECOND": "0", "API_WRITES_PER_MINUTE": "0", "API_READS_PER_MINUTE": "0"}
METRICS = "benchmark-metrics-token"
SECONDS_OF = re.compile(r'^avatar_task_duration_seconds_(sum|count)\{.*?task="([^"]+)".*?\} (\S+)$', re.MULTILINE)
ENDS_WITHIN = 1800.0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--renders", type=int, default=1000)
    options.add_argument("--clients", type=int, default=16)
    options.add_argument("--hand", help=argparse.SUPPRESS)
    given = options.parse_args()
    if given.hand:
        asyncio.run(by_hand(**json.loads(given.hand)))
        return
    with (
        tempfile.TemporaryDirectory(prefix="whole-way-") as folder,
        postgres_server(durable=True, counts=True) as server,
        valkey_server() as cache,
        s3_server() as bucket,
        running_simulators(speed=1000.0, settings={"queue_seconds": 1.0, "run_seconds": 1.0}) as there,
    ):
        fal = {name: value for name, value in there.environment.items() if name.startswith("FAL_")}
        parts = {"REDIS_URL": cache, "METRICS_TOKEN": METRICS, "WORKERS": "4", **bucket.environment, **fal, **NO_LIMITS}
        with live_api(Path(folder) / "site", server=server, worker=True, credit_micros=PLENTY, **parts) as site:
            least = hand(there, server, Path(folder), given.renders, given.clients)
            ours = whole_way(site, server, given.renders, given.clients)
    show(least, ours, given.renders)


def whole_way(site: LiveApi, server: str, renders: int, clients: int) -> dict[str, Any]:
    """Ours: as many programs at once as ``clients``, each asking for its share, and then until all are ready."""
    wish = {"portrait": site.alice["portrait"], "voice": site.alice["voice"], "model": MODEL, "rights": True}
    with site.client() as one:
        _until_ready(site, [_asked(one, wish)])  # whatever is loaded once is loaded
    forget_statements(server)
    before = _task_seconds(site)
    meters = {name: Meter(process.pid) for name, process in zip(("web", "worker"), site.started, strict=True)}
    meters["PostgreSQL"] = Meter(_owner_of(server))
    used = {name: meter.processor() for name, meter in meters.items()}
    sandbox = sandbox_of(site)
    decoding = _with_ended(sandbox)
    began = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        asked = list(pool.map(lambda _: _ask_alone(site, wish), range(renders)))
    taken = time.monotonic() - began
    _until_ready(site, asked)
    wall = time.monotonic() - began
    found = {
        "wall": wall,
        "taken": taken,
        "cpu": {
            **{name: meter.processor() - used[name] for name, meter in meters.items()},
            "media sandbox": _with_ended(sandbox) - decoding,
        },
        "statements": statements(server),
        "often": often(server),
        "tasks": {name: _less(now, before.get(name, [0.0, 0.0])) for name, now in _task_seconds(site).items()},
    }
    for meter in meters.values():
        meter.close()
    return found


def sandbox_of(site: LiveApi) -> psutil.Process:
    """The site's one; whoever needed it first has started it, so it's a child of none of its processes."""
    wanted = site.site.environment["VAR_DIR"]
    for process in psutil.process_iter(["cmdline"]):
        if "studio.media.sandbox.server" in (process.info["cmdline"] or []):
            with suppress(psutil.Error):
                if process.environ().get("VAR_DIR") == wanted:
                    return process
    raise AssertionError("The site has no media sandbox.")


def _with_ended(process: psutil.Process) -> float:
    """Its processor seconds and those of its children that have ended, each of which lives for a moment."""
    return float(sum(process.cpu_times()[:4]))


def _ask_alone(site: LiveApi, wish: dict[str, Any]) -> str:
    with site.client() as client:
        return _asked(client, wish)


def _asked(client: httpx.Client, wish: dict[str, Any]) -> str:
    answer = client.post("/renders", json=wish, headers={"Idempotency-Key": secrets.token_hex(8)})
    answer.raise_for_status()
    return str(answer.json()["id"])


def _until_ready(site: LiveApi, renders: list[str]) -> None:
    """Asked of the database, so that waiting costs the site nothing."""
    end = time.monotonic() + ENDS_WITHIN
    while time.monotonic() < end:
        states = dict(site.site.rows("SELECT state, count(*) FROM studio_render GROUP BY state"))
        if set(states) == {"ready"} and states["ready"] >= len(renders):
            return
        assert not {"failed", "cancelled"} & set(states), states
        time.sleep(0.25)
    raise AssertionError(f"Not all were ready after {ENDS_WITHIN:g} s: {states}")


def _task_seconds(site: LiveApi) -> dict[str, list[float]]:
    """Seconds and runs of each task so far, as the worker counts them."""
    headers = {"Authorization": f"Bearer {METRICS}"}
    text = httpx.get(f"{site.address}/metrics", headers=headers, trust_env=False).raise_for_status().text
    found: dict[str, list[float]] = {}
    for kind, task, value in SECONDS_OF.findall(text):
        found.setdefault(task, [0.0, 0.0])[kind == "count"] += float(value)
    return found


def _less(now: list[float], before: list[float]) -> list[float]:
    return [one - other for one, other in zip(now, before, strict=True)]


def forget_statements(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as database:
        database.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        database.execute("SELECT pg_stat_statements_reset()")


def statements(server: str) -> int:
    """Since they were forgotten, of all databases; what begins and ends a transaction counts."""
    with psycopg.connect(server, autocommit=True) as database:
        found = database.execute("SELECT coalesce(sum(calls), 0) FROM pg_stat_statements").fetchone()
    return int(found[0]) if found else 0


def often(server: str) -> list[tuple[int, str]]:
    """What was asked most often, and how often."""
    with psycopg.connect(server, autocommit=True) as database:
        found = database.execute(
            "SELECT sum(calls), query FROM pg_stat_statements GROUP BY query ORDER BY 1 DESC LIMIT 15"
        ).fetchall()
    return [(int(calls), " ".join(query.split())) for calls, query in found]


def _owner_of(server: str) -> int:
    """The first process of PostgreSQL, whose children are its connections."""
    port = int(server.rsplit(":", 1)[1].split("/", maxsplit=1)[0])
    listening = (one for one in psutil.net_connections("tcp4") if one.status == "LISTEN" and one.laddr.port == port)
    pid = next(listening).pid
    assert pid is not None
    return pid


def hand(there: Simulators, server: str, folder: Path, renders: int, clients: int) -> dict[str, Any]:
    """The least, in a process of its own, which prints what it took."""
    given = {
        "server": server,
        "folder": str(folder),
        "queue": there.hosts["fal.queue"],
        "key": there.environment["FAL_KEY"],
        "portrait": there.sample("portrait-768x1024.jpg"),
        "voice": there.sample(f"voice-{VOICE_MS}.mp3"),
        "renders": renders,
        "clients": clients,
    }
    forget_statements(server)
    database = Meter(_owner_of(server))
    used = database.processor()
    command = [sys.executable, "-m", "benchmarks.whole_way", "--hand", json.dumps(given)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout.splitlines()[-1])
    found["cpu"] = {"program": found["cpu"], "PostgreSQL": database.processor() - used}
    found["statements"] = statements(server)
    database.close()
    return dict(found)


async def by_hand(  # noqa: PLR0913 -- what a process is told
    *, server: str, folder: str, queue: str, key: str, portrait: str, voice: str, renders: int, clients: int
) -> None:
    with psycopg.connect(server, autocommit=True) as database:
        database.execute("DROP TABLE IF EXISTS least")
        database.execute("CREATE TABLE least (id bigserial PRIMARY KEY, job text, state text NOT NULL)")
    numbers = iter(range(renders))
    headers = {"Authorization": f"Key {key}"}
    began = time.monotonic()
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as http:
        ask = {"url": f"{queue}/{STANDARD}", "json": {"image_url": portrait, "audio_url": voice}}
        await asyncio.gather(
            *(_one_after_another(numbers, server, Path(folder), http, ask) for _ in range(clients)),
        )
    used = os.times()
    print(json.dumps({"wall": time.monotonic() - began, "cpu": used.user + used.system}))


async def _one_after_another(numbers: Any, server: str, folder: Path, http: httpx.AsyncClient, ask: Any) -> None:
    async with await psycopg.AsyncConnection.connect(server, autocommit=True) as database:
        for _ in numbers:
            cursor = await database.execute("INSERT INTO least (state) VALUES ('asked') RETURNING id")
            (row,) = await cursor.fetchone() or (0,)
            job = (await http.post(**ask)).raise_for_status().json()
            while (await http.get(job["status_url"])).json()["status"] != "COMPLETED":  # noqa: ASYNC110 -- as one polls
                await asyncio.sleep(0.01)
            result = (await http.get(job["response_url"])).raise_for_status().json()
            path = folder / f"{row}.mp4"
            with path.open("wb") as file:
                async with http.stream("GET", result["video"]["url"]) as film:
                    async for piece in film.aiter_bytes():
                        file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            await database.execute("UPDATE least SET state = 'ready', job = %s WHERE id = %s", [job["request_id"], row])
            path.unlink()


def show(least: dict[str, Any], ours: dict[str, Any], renders: int) -> None:
    for name, found in (("the least", least), ("ours", ours)):
        cpu = sum(found["cpu"].values())
        print(
            f"{name:10} {renders / found['wall']:7.1f} renders/s {1000 * cpu / renders:7.1f} ms of processor a render"
        )
        for part, seconds in found["cpu"].items():
            print(f"           {part:14} {1000 * seconds / renders:7.1f} ms")
        print(f"           {found['statements'] / renders:.1f} SQL statements a render")
    print(f"ratio      {least['wall'] / ours['wall']:.3f} of the pace, ", end="")
    print(f"{sum(ours['cpu'].values()) / sum(least['cpu'].values()):.1f} × the processor")
    print(f"taken      {renders / ours['taken']:.1f} requests/s while they were asked for")
    for task, (seconds, runs) in sorted(ours["tasks"].items(), key=lambda one: -one[1][0])[:12]:
        if runs:
            print(f"  {task:32} {1000 * seconds / renders:7.1f} ms a render in {runs / renders:.2f} runs")

    for calls, query in ours["often"]:
        shown = query if len(query) < 160 else f"{query[:60]} … {query[query.find('FROM') :][:90]}"
        print(f"  {calls / renders:7.2f} × {shown}")


if __name__ == "__main__":
    main()
