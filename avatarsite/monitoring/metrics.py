"""Metrics for Prometheus: what every process counts, and what the rows say at the moment of a question.

Web processes and workers count into files of one folder, so that any web process can answer for all of them. What the
rows say (queues, holds, alerts) is asked of them at each question; an app registers its own reader.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.crypto import constant_time_compare
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from avatarsite.monitoring.slots import Slots

logger = logging.getLogger(__name__)

Reader = Callable[[], Iterable[Metric]]
Labels = tuple[str, ...]

QUICK = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
SLOW = (1, 5, 15, 60, 180, 600, 1_800, 3_600, 10_800, 43_200)

if settings.METRICS_TOKEN:
    values.ValueClass = values.MultiProcessValue(Slots(settings.METRICS_DIR).mine)  # type: ignore[no-untyped-call]


def counter(name: str, told: str, *labels: str) -> Counter:
    """``name`` without its end, which is ``_total``."""
    return Counter(f"avatar_{name}", told, labels, registry=None)


def histogram(name: str, told: str, *labels: str, buckets: tuple[float, ...] = QUICK) -> Histogram:
    return Histogram(f"avatar_{name}", told, labels, registry=None, buckets=buckets)


def gauge(name: str, told: str, rows: Iterable[tuple[Labels, float]], *labels: str) -> GaugeMetricFamily:
    """A gauge as it stands now, for a reader."""
    family = GaugeMetricFamily(f"avatar_{name}", told, labels=labels)
    for found, value in rows:
        family.add_metric(found, value)
    return family


_readers: dict[str, Reader] = {}


def register_reader(name: str, reader: Reader) -> None:
    """Let an app's rows be read at each question. One that fails leaves out its own numbers alone, and is counted."""
    _readers[name] = reader


def metrics(request: HttpRequest) -> HttpResponse:
    """For Prometheus alone: 404 without METRICS_TOKEN, 401 without it in the request."""
    if not settings.METRICS_TOKEN:
        raise Http404
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        return HttpResponse(
            "Send METRICS_TOKEN as a bearer token.\n", status=401, headers={"WWW-Authenticate": "Bearer"}
        )
    return HttpResponse(generate_latest(_registry()), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _registry() -> CollectorRegistry:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(settings.METRICS_DIR))  # type: ignore[no-untyped-call]
    registry.register(_Rows())
    return registry


class _Rows:
    """What every registered reader finds, and how many of them could not read."""

    def collect(self) -> Iterator[Metric]:
        failed = []
        for name, reader in _readers.items():
            try:
                yield from list(reader())
            except Exception:
                logger.exception("The metrics of %s could not be read", name)
                failed.append(name)
        told = "Whether the numbers that are read from rows could not be read."
        yield gauge("reader_failing", told, (((name,), float(name in failed)) for name in _readers), "reader")
