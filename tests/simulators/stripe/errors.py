"""What Stripe says when it says no: status, and the body that its error documentation gives."""

from __future__ import annotations

from typing import Any

DOCS = "https://stripe.com/docs/error-codes/"
INVALID = "invalid_request_error"


class Refusal(Exception):
    """An answer that is an error. ``remembered``: it is what the idempotency key stands for from now on."""

    def __init__(
        self, status: int, message: str, *, kind: str = INVALID, remembered: bool = False, **more: Any
    ) -> None:
        super().__init__(message)
        self.status = status
        self.remembered = remembered
        self.error = {name: value for name, value in more.items() if value is not None}
        self.error |= {"message": message, "type": kind}
        if more.get("code"):
            self.error["doc_url"] = DOCS + str(more["code"]).replace("_", "-")


def bad(message: str, *, code: str | None = None, param: str | None = None, **more: Any) -> Refusal:
    return Refusal(400, message, code=code, param=param, **more)


def unknown_parameter(param: str) -> Refusal:
    return bad(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def missing_parameter(param: str) -> Refusal:
    return bad(f"Missing required param: {param}.", code="parameter_missing", param=param)


def empty_parameter(param: str) -> Refusal:
    said = (
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; "
        f"however '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty value."
    )
    return bad(said, code="parameter_invalid_empty", param=param)


def no_such(word: str, object_id: str, param: str = "id") -> Refusal:
    return Refusal(404, f"No such {word}: '{object_id}'", code="resource_missing", param=param)


def no_such_given(word: str, object_id: str, param: str) -> Refusal:
    """An id in the parameters, rather than in the address, is a 400."""
    return bad(f"No such {word}: '{object_id}'", code="resource_missing", param=param)


def not_signed_in(key: str | None) -> Refusal:
    if not key:
        said = (
            "You did not provide an API key. You need to provide your API key in the Authorization header, using "
            "Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY')."
        )
        return Refusal(401, said)
    shown = key[:8] + "*" * max(0, len(key) - 12) + key[-4:]
    return Refusal(401, f"Invalid API Key provided: {shown}")


def not_permitted(key: str, permission: str) -> Refusal:
    said = (
        f"The provided key '{key[:8]}***' does not have the required permissions for this endpoint. Having the "
        f"'{permission}' permission would allow this request to continue."
    )
    return Refusal(403, said, code="more_permissions_required")


def card_refused(message: str, *, code: str, decline_code: str | None, **objects: Any) -> Refusal:
    """``objects`` are the charge's id and the whole payment_intent, as the body carries them."""
    return Refusal(
        402, message, kind="card_error", remembered=True, code=code, decline_code=decline_code, param=None, **objects
    )
