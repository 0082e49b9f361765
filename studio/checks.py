"""System checks of what the studio needs of its machine: ``manage.py check --deploy``."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004 -- Django's own name

from studio.media.sandbox.confine import missing_walls

HINTS = {
    "files": "Run a kernel with Landlock (5.13 or later), and don't forbid its calls in the container's profile.",
    "network": "Install libseccomp (Debian: libseccomp2), and don't forbid seccomp in the container's profile.",
}


@register(Tags.security, deploy=True)
def decoders_are_walled_in(**_: Any) -> list[CheckMessage]:
    return [
        Warning(
            f"Decoders of uploaded media can reach {wall} here: only their time and memory are limited.",
            hint=HINTS[wall],
            id=f"studio.W00{1 + [*HINTS].index(wall)}",
        )
        for wall in missing_walls()
    ]
