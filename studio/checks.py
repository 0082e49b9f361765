"""System checks of what the studio needs of its machine: ``manage.py check --deploy``."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004 -- Django's own name
from django.core.exceptions import ImproperlyConfigured

from studio.media.sandbox.confine import missing_walls
from studio.papers.credentials import credentials

DEVELOPMENT = "Set C2PA_PRIVATE_KEY and C2PA_CERTIFICATES to those that an authority on C2PA’s trust list has issued."
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


@register(Tags.security)
def credentials_can_be_read(**_: Any) -> list[CheckMessage]:
    try:
        credentials()
    except ImproperlyConfigured as error:
        return [Error(str(error), id="studio.E001")]
    return []


@register(Tags.security, deploy=True)
def videos_are_signed_in_our_name(**_: Any) -> list[CheckMessage]:
    try:
        is_for_development = credentials().is_for_development
    except ImproperlyConfigured:
        return []
    told = "Videos are signed with a certificate that was made here for development: nobody else trusts it."
    return [Warning(told, hint=DEVELOPMENT, id="studio.W003")] if is_for_development else []
