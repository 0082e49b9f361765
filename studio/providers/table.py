"""Table of what each provider can do, for docs/providers.md: ``python -m studio.providers.table`` prints it."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction

import django

from studio.providers.types import Capabilities

Row = tuple[str, Callable[[Capabilities], str]]
BY_THEM, BY_US = "by the provider", "by us"


def _inputs(way: str) -> str:
    return f"a link, else {way}" if way else "a link only"


def _steps(step: Fraction) -> str:
    return f"{step.numerator}/{step.denominator} s"


ROWS: tuple[Row, ...] = (
    ("Prompt", lambda can: "yes" if can.prompt else "no"),
    ("Formats it makes itself", lambda can: ", ".join(name.upper() for name in sorted(can.output_formats))),
    ("Other formats", lambda can: BY_US if can.output_formats < {"mp4", "webm", "mov"} else "–"),
    ("Output quality", lambda can: BY_THEM if can.output_quality else BY_US),
    ("Content check", lambda can: BY_THEM if can.content_check else BY_US),
    ("Takes", lambda _: BY_US),
    ("Deletion on time", lambda can: "both" if can.file_life else BY_US),
    ("`uploadEndpoint`", lambda _: BY_US),
    ("Cancel", lambda can: "yes" if can.can_cancel else "no"),
    ("Webhooks", lambda can: "yes" if can.sends_webhooks else "no"),
    ("The same submit twice", lambda can: "one job" if can.submit_is_repeatable else "two jobs, so never sent"),
    ("Cost in its answer", lambda can: "yes" if can.reports_cost else "no"),
    ("Tells our balance there", lambda can: "yes" if can.tells_balance else "no"),
    ("Portrait", lambda can: _inputs(can.portrait_without_address)),
    ("Voice", lambda can: _inputs(can.voice_without_address)),
    ("Voice length", lambda can: f"{can.voice_ms[0] / 1000:g}–{can.voice_ms[1] / 1000:g} s"),
    ("Output length in steps of", lambda can: _steps(can.output_step)),
    ("Checked every", lambda can: f"{can.poll_seconds[0]:g}–{can.poll_seconds[1]:g} s"),
    ("At once, for a new customer", lambda can: str(can.at_once or "–")),
)


def capability_table() -> str:
    """A Markdown table: a row for each thing, a column for each provider elsewhere."""
    from studio.providers import registry  # noqa: PLC0415 -- the registry reads settings, which a script sets up first

    names = [name for name in registry.PROVIDERS if name != "local"]
    declared = [registry.provider(name).capabilities for name in names]
    head = ["", *(registry.PROVIDERS[name][0] for name in names)]
    rows = [[title, *(tell(can) for can in declared)] for title, tell in ROWS]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows)) + "\n"


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "avatarsite.settings")
    django.setup()
    print(capability_table(), end="")  # noqa: T201
