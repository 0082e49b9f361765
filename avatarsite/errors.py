"""Domain errors: what every entry point answers in its own form, and none as a defect of ours."""

from __future__ import annotations

from typing import Any


class DomainError(Exception):
    """A refusal of the domain, in a sentence for whoever asked. Nothing was written and nothing is held.

    ``code`` never changes its meaning, ``field`` names what is at fault, ``message`` and ``remedy`` are sentences; both
    field and remedy may be empty. ``retry_after`` are the seconds after which the same may be let in, if that is known.
    An entry point catches this class alone, and so answers a refusal that is new tomorrow, too.
    """

    def __init__(
        self, code: str, message: str, *, field: str = "", remedy: str = "", retry_after: int | None = None
    ) -> None:
        super().__init__(f"{message} {remedy}".strip())
        self.code, self.field, self.message, self.remedy = code, field, message, remedy
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        """As an exception with arguments of its own needs it, to come whole out of another process."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(kind: type[DomainError], arguments: tuple[Any, ...], told: dict[str, Any]) -> DomainError:
    error = kind.__new__(kind)
    error.args = arguments
    error.__dict__.update(told)
    return error
