"""The options of a render that do not depend on the provider, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.conf import settings

from avatarsite.errors import DomainError
from avatarsite.http.public_addresses import AddressRefused, check_by_name, trimmed
from studio.models.content import ContentCheck, IfFlagged, Label
from studio.providers.http.addresses import Bases

OUTPUT_FORMATS = ("mp4", "webm", "mov")
QUALITY = (20, 99)
TAKES = (1, 4)
CONTENT_CHECKS = tuple(ContentCheck.values)
IF_FLAGGED = tuple(IfFlagged.values)
LABELS = tuple(Label.values)
MIN_LIFE_SECONDS, MAX_LIFE_SECONDS = 60, 365 * 24 * 3600
ENDPOINT_LIMIT = 2_000
DEFAULTS: dict[str, Any] = {
    "output_format": "mp4",
    "output_quality": 95,
    "takes": 1,
    "ttl_seconds": None,  # our files live until somebody deletes them
    "content_check": ContentCheck.NONE.value,
    "if_flagged": IfFlagged.DELIVER.value,
    "upload_endpoint": "",
    "visible_label": Label.NONE.value,
}


class OptionRefused(DomainError):
    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__("bad_option", message, field=field, remedy=remedy)


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` over the defaults. Raises OptionRefused for a name or a value that is not known."""
    for name in options:
        if name not in DEFAULTS:
            raise OptionRefused(name, f"There is no option {name!r}.", f"The options are {', '.join(DEFAULTS)}.")
    full = DEFAULTS | dict(options)
    if isinstance(full["upload_endpoint"], str):
        full["upload_endpoint"] = trimmed(full["upload_endpoint"])
    _check_choice(full, "output_format", "a format", OUTPUT_FORMATS)
    _check_number(full, "output_quality", "a quality", QUALITY)
    _check_number(full, "takes", "a number of takes", TAKES)
    _check_choice(full, "content_check", "a content check", CONTENT_CHECKS)
    _check_choice(full, "if_flagged", "a choice for marked videos", IF_FLAGGED)
    _check_choice(full, "visible_label", "a label", LABELS)
    if full["ttl_seconds"] is not None:
        _check_number(full, "ttl_seconds", "a number of seconds", (MIN_LIFE_SECONDS, MAX_LIFE_SECONDS))
    if full["upload_endpoint"] != "":
        _check_endpoint(full["upload_endpoint"])
    return full


def _check_choice(full: Mapping[str, Any], name: str, kind: str, choices: tuple[str, ...]) -> None:
    if full[name] not in choices:
        raise OptionRefused(name, f"{full[name]!r} is not {kind}.", f"Choose one of {', '.join(choices)}.")


def _check_number(full: Mapping[str, Any], name: str, kind: str, limits: tuple[int, int]) -> None:
    value, (least, most) = full[name], limits
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise OptionRefused(name, f"{value!r} is not {kind}.", f"Choose {least} to {most}.")


def _check_endpoint(value: Any) -> None:
    """By its spelling alone: where its name leads is looked up when the file is sent, and pinned then."""
    remedy = "Give a public https address that takes a PUT, such as a presigned link."
    if not isinstance(value, str) or len(value) > ENDPOINT_LIMIT:
        raise OptionRefused("upload_endpoint", f"The address is no text of at most {ENDPOINT_LIMIT:,} letters.", remedy)
    try:
        check_by_name(value, trusted=trusted_endpoints().may_get_key(value))
    except AddressRefused as refusal:
        found = f"{refusal.host or 'The address'} can’t be reached from here: {refusal.why}"
        raise OptionRefused("upload_endpoint", found, remedy) from None


def trusted_endpoints() -> Bases:
    """Origins that the operator lets files go to although they are not public, such as a bucket in the same house."""
    return Bases(tuple(settings.TRUSTED_UPLOAD_ENDPOINTS))
