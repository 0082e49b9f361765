"""The options of a render that do not depend on the provider, and what they may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OUTPUT_FORMATS = ("mp4", "webm", "mov")
QUALITY = (20, 99)
DEFAULTS: dict[str, Any] = {"output_format": "mp4", "output_quality": 95}


class OptionRefused(ValueError):
    def __init__(self, field: str, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.field, self.message, self.remedy = field, message, remedy


def checked_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """``options`` over the defaults. Raises OptionRefused for a name or a value that is not known."""
    for name in options:
        if name not in DEFAULTS:
            raise OptionRefused(name, f"There is no option {name!r}.", f"The options are {', '.join(DEFAULTS)}.")
    full = DEFAULTS | dict(options)
    if full["output_format"] not in OUTPUT_FORMATS:
        choices = ", ".join(OUTPUT_FORMATS)
        raise OptionRefused("output_format", f"{full['output_format']!r} is not a format.", f"Choose one of {choices}.")
    quality, (least, most) = full["output_quality"], QUALITY
    if isinstance(quality, bool) or not isinstance(quality, int) or not least <= quality <= most:
        raise OptionRefused("output_quality", f"{quality!r} is not a quality.", f"Choose {least} to {most}.")
    return full
