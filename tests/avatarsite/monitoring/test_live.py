"""Three web processes and two workers: their counts add up, and what they log names what it is about and no secret."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.conf import settings
from prometheus_client.parser import text_string_to_metric_families

from tests.attacks.test_web_processes import children
from tests.avatarsite.monitoring.test_standstill import CANARIES, until
from tests.studio.api.live import LiveApi, live_api
from tests.support.processes import lives
from tests.support.sites import ROOT

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("monitoring")]

TOKEN = "a token for Prometheus"
PROMPT = "A violet hippopotamus whispers"
REQUESTS, RENDERS = 90, 4
MANAGE = str(ROOT / "manage.py")
Counts = dict[tuple[str, tuple[str, ...]], float]


@dataclass(frozen=True)
class Journey:
    """What a customer did there, and every secret that came up on the way."""

    live: LiveApi
    renders: list[str]
    secrets: list[str]


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journey]:
    folder = tmp_path_factory.mktemp("monitoring")
    given = {"METRICS_TOKEN": TOKEN, "LOG_FORMAT": "json", "LOG_LEVEL": "INFO", "API_READS_PER_MINUTE": "0"}
    with live_api(folder, worker=True, processes=3, is_program=True, **given) as live:
        live.started.append(live.site.serve(MANAGE, "worker", log="worker2.log"))
        until(lambda: live.site.ask(CANARIES) == 4, 90)
        yield travelled(live, folder)


def travelled(live: LiveApi, folder: Path) -> Journey:
    """Renders by the API, their files, a new password by mail, and many looks at one page."""
    secrets = [PROMPT, live.alice["token"], live.alice["test_token"]]
    wish = {"portrait": live.alice["portrait"], "voice": live.alice["voice"], "model": "draft", "prompt": PROMPT}
    with live.client() as client:
        renders = [client.post("/renders", json=wish).raise_for_status().json()["id"] for _ in range(RENDERS)]
        until(lambda: all(state(client, render) == "ready" for render in renders), 120)
        for render in renders:
            link = client.get(f"/renders/{render}/outputs/video").headers["Location"]
            link = link if link.startswith("http") else f"{live.address}{link}"
            assert httpx.get(link, trust_env=False, headers={"Connection": "close"}).status_code == 200
            secrets += re.findall(r"(?<=/files/)[^/]+(?=/)|(?<=X-Amz-Signature=)\w+", link)
            httpx.get(link.replace("/files/", "/files/x"), trust_env=False)
        with ThreadPoolExecutor(12) as pool:
            answers = pool.map(lambda _: httpx.get(f"{live.address}/api/v1/models", trust_env=False), range(REQUESTS))
            assert len(list(answers)) == REQUESTS
    with httpx.Client(base_url=live.address, trust_env=False) as browser:
        page = "/account/password/reset/"
        form = {"email": "alice@example.org", "csrfmiddlewaretoken": browser.get(page).cookies["csrftoken"]}
        browser.post(page, data=form, headers={"Referer": f"{live.address}{page}"})
        until(lambda: bool(links(folder)), 60)
        key = links(folder)[0]
        browser.get(f"{page}key/{key}/")
        browser.get(f"{page}key/{key[:-2]}zz/")
        browser.get("/api/v1/renders?token=in-the-query-7fa1")
    return Journey(live, renders, [*secrets, key, "in-the-query-7fa1"])


def state(client: httpx.Client, render: str) -> str:
    return str(client.get(f"/renders/{render}").json()["state"])


def links(folder: Path) -> list[str]:
    found = [message_from_bytes(path.read_bytes(), policy=default) for path in (folder / "mail").glob("*.log")]
    texts = [str(message.get_body(("plain",)).get_content()) for message in found]  # type: ignore[union-attr]
    return [key for text in texts for key in re.findall(r"/password/reset/key/([^/\s]+)/", text)]


def scraped(live: LiveApi) -> str:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.get(f"{live.address}/metrics", headers=headers, trust_env=False).raise_for_status().text


def counts(text: str, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a name, by their labels' values in the order of the labels' names."""
    return {
        tuple(value for _, value in sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    }


def told(live: LiveApi, code: str) -> Any:
    return live.site.ask(f"from django.db.models import Count\nfrom studio.models import *\nprint(json.dumps({code}))")


def test_the_counts_are_those_of_all_processes(journey: Journey) -> None:
    live = journey.live
    text = scraped(live)
    requests = counts(text, "avatar_http_requests_total")
    # Labels by name: method, route, status.
    assert requests["GET", "api_models", "401"] == REQUESTS
    assert requests["POST", "api_renders", "201"] == RENDERS
    # A bucket's files pass us by.
    assert requests.get(("GET", "file", "200"), 0) == (0 if settings.S3_BUCKET else RENDERS)
    assert counts(text, "avatar_http_request_duration_seconds_count")["GET", "api_models"] == REQUESTS
    assert sum(counts(text, "avatar_renders_requested_total").values()) == RENDERS
    assert counts(text, "avatar_renders_ended_total") == {("local:draft", "ready"): RENDERS}
    moves = dict(
        told(live, "list(RenderEvent.objects.exclude(from_state='').values_list('from_state').annotate(n=Count('pk')))")
    )
    changed = told(live, "[list(e) for e in RenderEvent.objects.values_list('from_state', 'to_state')]")
    stages = Counter(before for before, after in changed if before and before != after)
    assert set(stages) == {"queued", "submitting", "rendering", "ingesting"} <= set(moves)
    assert counts(text, "avatar_render_stage_duration_seconds_count") == {
        **{(stage,): count for stage, count in stages.items()},
        ("whole",): RENDERS,
    }
    sent = told(live, "ProviderJob.objects.filter(outcome='accepted').count()")
    assert counts(text, "avatar_provider_submits_total") == {("", "local:draft", "accepted"): sent}
    assert counts(text, "avatar_provider_jobs_ended_total") == {("local:draft", "done"): RENDERS}
    assert counts(text, "avatar_provider_call_duration_seconds_count")["submit", "local"] == sent
    assert counts(text, "avatar_tasks_total")["done", "studio.ingest"] >= RENDERS
    assert {labels[0] for labels in counts(text, "avatar_tasks_total")} == {"done"}
    assert counts(text, "avatar_mails_total")[("sent",)] >= 1
    assert counts(text, "avatar_reader_failing")
    assert not any(counts(text, "avatar_reader_failing").values())
    assert counts(text, "avatar_cluster_alive") == {("main",): 1, ("watch",): 1}
    assert counts(text, "avatar_renders_in_flight") == {
        (stage,): 0 for stage in ("speaking", "queued", "submitting", "rendering", "ingesting", "joining")
    }
    assert counts(text, "avatar_holds_open") == {(): 0}


def test_prometheus_takes_them(journey: Journey) -> None:
    check = subprocess.run(
        ["promtool", "check", "metrics"], input=scraped(journey.live), capture_output=True, text=True, check=False
    )
    assert (check.returncode, check.stdout, check.stderr) == (0, "", "")


def test_a_process_that_dies_takes_no_counts_along(journey: Journey) -> None:
    live = journey.live
    before = counts(scraped(live), "avatar_http_requests_total")["GET", "api_models", "401"]
    ours = children(live)
    assert len(ours) == 3
    for child in ours[:2]:
        os.kill(child.pid, signal.SIGKILL)
    until(lambda: not any(lives(child) for child in ours[:2]) and len(children(live)) == 3, 20)
    for _ in range(10):
        httpx.get(f"{live.address}/api/v1/models", trust_env=False)
    assert counts(scraped(live), "avatar_http_requests_total")["GET", "api_models", "401"] == before + 10
    files = list((live.site.folder / "metrics").glob("counter_*.db"))
    assert len(files) < 40  # a slot each, however many processes came and went


def test_it_is_for_who_has_the_token(journey: Journey) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = httpx.get(f"{journey.live.address}/metrics", headers=headers, trust_env=False)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")


def lines(live: LiveApi) -> list[dict[str, Any]]:
    """Every line of every process, each a JSON object, in the order in which they were written."""
    found = [json.loads(line) for line in live.log().splitlines() if line.strip()]
    return sorted(found, key=lambda line: str(line["timestamp"]))


def test_the_lines_name_what_they_are_about(journey: Journey) -> None:
    said = lines(journey.live)
    workspace = str(journey.live.alice["workspace"])
    for render in journey.renders:
        mine = [line for line in said if line.get("render") == render]
        asked = [line for line in mine if line.get("route") == "api_renders"]
        assert [(line["status"], line["workspace"]) for line in asked] == [(201, workspace)]
        moved = [line for line in mine if line["logger"] == "studio.pipeline.states"]
        assert [line["event"].rpartition(" ")[2] for line in moved] == ["submitting", "rendering", "ingesting", "ready"]
        # The watch names the job, and the worker the task; a task names the request that it came of, if it had one.
        assert all(line["job"].startswith("job_") for line in moved[1:3])
        assert moved[-1]["task"] == "studio.ingest"
    requests = Counter(line["request"] for line in said if line["logger"] == "avatarsite.monitoring.requests")
    assert max(requests.values()) == 1
    assert all(name.startswith("req_") for name in requests)


def test_no_line_has_a_secret_a_prompt_or_a_signature(journey: Journey) -> None:
    written = journey.live.log()
    assert len(written.splitlines()) > 100
    assert [secret for secret in journey.secrets if secret in written] == []
    assert re.findall(r"\?[\w-]+=[^\s\"]+", written) == []
    assert TOKEN not in written
