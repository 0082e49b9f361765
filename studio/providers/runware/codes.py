"""Error codes of Runware in our words. It calls them unstable, so they are matched by rule, and the order matters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from studio.providers import http
from studio.providers.http.answers import text_at
from studio.providers.remote import HTTP_FAULTS, failure
from studio.providers.types import Failure, Fault

CONFLICT = "conflictTaskUUID"
CANCELLED = "taskCancelled"


class CodeClass(StrEnum):
    """The classes of Runware's own SDK, without those that only happen inside it."""

    QUOTA = "quota"
    RATE_LIMIT = "rateLimit"
    SAFETY = "safety"
    AUTH = "auth"
    TIMEOUT = "timeout"
    NOT_FOUND = "notFound"
    SERVER = "serverError"
    PROVIDER = "provider"
    VALIDATION = "validation"
    UNKNOWN = "unknown"


def _rule(*parts: str) -> re.Pattern[str]:
    return re.compile("|".join(parts), re.IGNORECASE)


# First match wins. A bare part matches anywhere; ^ and $ bind it to the beginning and the end.
RULES: tuple[tuple[CodeClass, re.Pattern[str]], ...] = (
    (CodeClass.QUOTA, _rule("credits", "quota", "balance", "^paymentRequired$", "^environmentPaused$")),
    (CodeClass.RATE_LIMIT, _rule("rateLimit")),
    (
        CodeClass.SAFETY,
        _rule(
            "contentPolicyViolation$",
            "^sensitiveContentDetected$",
            "^unsafeContentDetected$",
            "^nsfwContentDetected$",
            "^promptBlocked$",
            "^imageBlocked$",
            "^moderationFailed$",
            "^invalidProviderContent$",
        ),
    ),
    (
        CodeClass.AUTH,
        _rule(
            "apiKey",
            "^unauthorized$",
            "^forbidden$",
            "^permissionDenied$",
            "^insufficientPermissions$",
            "^auth(enticationFailed|Failed|Timeout)$",
            "^invalid(Authentication|Credentials)$",
            "^missingAuthentication$",
            "^token(Expired|Invalid|Missing|Revoked)$",
            "^(account|organization|workspace)(Suspended|Disabled)$",
        ),
    ),
    (CodeClass.TIMEOUT, _rule("timeout")),
    (CodeClass.NOT_FOUND, _rule("notFound$", "expired$", f"^{CANCELLED}$", "^taskFailedOrNotFound$", "^unknownModel$")),
    (
        CodeClass.SERVER,
        _rule(
            "^internalServerError$",
            "^(service|server)Unavailable$",
            "^(standard|unknown|undefined|default)Error$",
            "^unrecognizedResponse$",
            "^errorRetrievingAccountManagement$",
        ),
    ),
    (
        CodeClass.PROVIDER,
        _rule(
            "^provider",
            "^inferenceError$",
            "^processingFailed$",
            "^taskFailed$",
            "^downloadFailed$",
            "^uploadFailed$",
            "^noAvailableServer$",
            "^model(Unavailable|Disabled|NotReady)$",
            "^mediaStorageFileCouldNotBeMoved$",
        ),
    ),
    (
        CodeClass.VALIDATION,
        _rule(
            "^(invalid|missing|conflict|duplicate|unsupported|value|array|max)",
            "conflict",
            "^unknownParameter$",
            "^incompatibleParameters$",
            "^(mismatch|unknown)ProviderSettingsProvider$",
            "^transparentModelMismatch$",
            "^modelOwnershipValidationError$",
            "^modelAlreadyExists$",
            "^validationFailed$",
        ),
    ),
)
FAULTS: Mapping[str, Fault] = {
    CodeClass.QUOTA: Fault.QUOTA,
    CodeClass.RATE_LIMIT: Fault.RATE_LIMIT,
    CodeClass.SAFETY: Fault.MODERATION,
    CodeClass.AUTH: Fault.AUTH,
    CodeClass.TIMEOUT: Fault.TIMEOUT,
    CodeClass.NOT_FOUND: Fault.NOT_FOUND,
    CodeClass.SERVER: Fault.PROVIDER,
    CodeClass.PROVIDER: Fault.PROVIDER,
    CodeClass.VALIDATION: Fault.INPUT,
    CodeClass.UNKNOWN: Fault.UNKNOWN,
}
# Parameters that the customer has no part in. When they are refused it's for us to mend, and another provider may do.
OURS = frozenset(
    {
        "model",
        "taskType",
        "taskUUID",
        "deliveryMethod",
        "includeCost",
        "numberResults",
        "outputType",
        "webhookURL",
        "ttl",
        "safety",
        "safety.checkContent",
        "safety.mode",
    }
)
# What the HTTP status knows better than a code that we have never seen.
TELLING_STATUSES = frozenset({401, 402, 403, 429})


def class_of(code: str) -> CodeClass:
    return next((name for name, rule in RULES if rule.search(code)), CodeClass.UNKNOWN)


def why(error: Mapping[str, Any], http_status: int) -> Failure:
    """One entry of ``errors``, or an item's ``error``, as our failure."""
    code = text_at(error, "code", "errorCode")
    if not code:
        fault = HTTP_FAULTS.get(http_status, Fault.UNKNOWN)
        return failure(fault, f"http_{http_status}" if http_status >= 400 else "no_code", _message(error))
    found = class_of(code)
    fault = FAULTS[found]
    if found is CodeClass.UNKNOWN and http_status in TELLING_STATUSES:
        fault = HTTP_FAULTS[http_status]
    if fault is Fault.INPUT and (code == "unknownParameter" or OURS.intersection(parameters_of(error))):
        fault = Fault.PROVIDER
    return failure(fault, code, _message(error))


def why_at_all(answer: http.Answer, errors: list[dict[str, Any]]) -> Failure:
    """The first error that is no conflict; by the status alone when there is none."""
    telling = [error for error in errors if error.get("code") != CONFLICT]
    return why(telling[0] if telling else {"message": answer.text}, answer.status)


def parameters_of(error: Mapping[str, Any]) -> list[str]:
    """One name, a list of names, or nothing."""
    named = error.get("parameter")
    return [name for name in (named if isinstance(named, list) else [named]) if isinstance(name, str) and name]


def _message(error: Mapping[str, Any]) -> str:
    """The sentence, and which parameter it speaks of."""
    names = ", ".join(parameters_of(error))
    message = text_at(error, "message", "errorMessage")
    return f"{message} ({names})" if names else message
