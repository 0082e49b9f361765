"""Reports, read from Runware's items and errors. The same shapes come by poll, from the archive and by webhook."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from studio.providers import http
from studio.providers.http.answers import count_at, objects_at, text_at
from studio.providers.remote import failure, scaled, told_nothing
from studio.providers.runware.codes import CANCELLED, CodeClass, class_of, why, why_at_all
from studio.providers.runware.tasks import VIDEO
from studio.providers.types import Fault, JobReport, JobStatus

STATUSES: Mapping[str, JobStatus] = {
    "processing": JobStatus.RUNNING,
    "success": JobStatus.DONE,
    "error": JobStatus.FAILED,
    # Not in its documents, but seen by others.
    "cancelled": JobStatus.CANCELLED,
    "canceled": JobStatus.CANCELLED,
}
AT_THE_DOOR = frozenset({CodeClass.QUOTA, CodeClass.RATE_LIMIT, CodeClass.AUTH})
OF_THE_JOB = frozenset({CodeClass.SAFETY, CodeClass.PROVIDER, CodeClass.TIMEOUT})
TASKS_OF_OURS = frozenset({"getResponse", "getTaskDetails", "authentication"})
DOLLARS = Decimal(1_000_000)
# All that there is in an item about a task that is being worked on.
PLAIN = frozenset({"taskType", "taskUUID", "status", "progress"})


def items_of(body: Any, reference: str) -> list[dict[str, Any]]:
    """The items about this task, without those that are errors."""
    return [item for item in objects_at(body, "data") if item.get("taskUUID") == reference and "error" not in item]


def errors_of(body: Any, reference: str) -> list[dict[str, Any]]:
    """The errors about this task or about the whole request, from each place where they are put."""
    loose = [*objects_at(body, "errors"), *objects_at(body, "error")]
    inside = [
        {"status": "error"} | item["error"] | {"taskUUID": item.get("taskUUID")}
        for item in objects_at(body, "data")
        if isinstance(item.get("error"), dict)
    ]
    return [error for error in (*loose, *inside) if error.get("taskUUID") in (reference, None, "")]


def parts_of(answer: http.Answer) -> dict[str, dict[str, Any]] | None:
    """The answer to a question about many tasks, taken apart by the task that each piece names.

    None when a piece names no task, or there are none: then nobody can say of which task it speaks.
    """
    body, parts = answer.body, dict[str, dict[str, Any]]()
    told = [name for name in ("data", "errors", "error") if name in body]
    for name in told:
        for piece in objects_at(body, name):
            reference = text_at(piece, "taskUUID")
            if not reference:
                return None
            parts.setdefault(reference, {}).setdefault(name, []).append(piece)
    return parts if told else None


def still_running(part: dict[str, Any] | None, reference: str) -> JobReport | None:
    """The same as ``report_of`` where all that is said is how far the job is; None where there is more to it.

    Nearly every answer is one of these, so it has to be cheap.
    """
    items = part.get("data") if part is not None and len(part) == 1 else None
    if not items or len(items) != 1:
        return None
    [item] = items
    if item.get("status") != "processing" or not PLAIN.issuperset(item):
        return None
    return JobReport(
        JobStatus.RUNNING,
        provider_job_id=reference,
        progress=count_at(item, "progress", 100),
        raw={"http_status": 200, "body": part},
    )


def report_of(answer: http.Answer, body: Any, reference: str) -> JobReport | None:
    """What ``body`` says of the job; None if it says nothing. Raises ProviderError if the question was refused."""
    items, errors = items_of(body, reference), errors_of(body, reference)
    verdicts = [error for error in errors if _is_verdict(error, answer.status)]
    best = max(items, key=_rank, default=None)
    if best and (best.get("videoURL") or not verdicts):
        return _of_item(best, reference, answer)
    if verdicts:
        return _of_error(verdicts[0], reference, answer)
    if (not answer.ok and not _only_unknown(errors)) or any(_is_of_the_request(error) for error in errors):
        raise told_nothing(answer, why_at_all(answer, errors))
    return None


def says_it_is_unknown(body: Any, reference: str) -> bool:
    """Whether the answer names the job as unknown, rather than merely not speaking of it."""
    return any(class_of(text_at(error, "code")) is CodeClass.NOT_FOUND for error in errors_of(body, reference))


def _is_verdict(error: dict[str, Any], http_status: int) -> bool:
    """Whether the error says that the job has failed, and not that our question could not be answered."""
    if error.get("status") == "error":
        return True
    if http_status >= 500 or error.get("taskType") in TASKS_OF_OURS:
        return False
    if _is_of_the_request(error):
        return False
    code, is_named = text_at(error, "code"), error.get("taskType") == VIDEO
    found = class_of(code)
    if found is CodeClass.NOT_FOUND:
        return code == CANCELLED or code.endswith("Expired")
    if http_status >= 400:
        return found in OF_THE_JOB or (found is CodeClass.VALIDATION and is_named)
    return found not in AT_THE_DOOR or is_named


def _is_of_the_request(error: dict[str, Any]) -> bool:
    """Whether it names no task, nor what kind of task: then our question was refused, whatever its HTTP status."""
    if error.get("taskUUID") or error.get("taskType") == VIDEO:
        return False
    return class_of(text_at(error, "code")) is not CodeClass.NOT_FOUND


def _only_unknown(errors: list[dict[str, Any]]) -> bool:
    return bool(errors) and all(class_of(text_at(error, "code")) is CodeClass.NOT_FOUND for error in errors)


def _rank(item: dict[str, Any]) -> int:
    """Answers may repeat and be partial: what is further on counts."""
    return 2 if item.get("videoURL") else 1 if item.get("status") in ("success", "error") else 0


MAX_SEED = 2**63 - 1  # what a database keeps


def _of_item(item: dict[str, Any], reference: str, answer: http.Answer) -> JobReport:
    url, word = text_at(item, "videoURL"), text_at(item, "status")
    status = STATUSES.get(word, JobStatus.UNKNOWN) if word or not url else JobStatus.DONE
    cost = scaled(item.get("cost"), DOLLARS)
    why_not = None
    if item.get("NSFWContent") is True and not url:
        why_not = failure(Fault.MODERATION, "NSFWContent", "The content check marked the video, and it is not given.")
    elif status is JobStatus.DONE and not url.startswith(("https://", "http://")):
        why_not = failure(Fault.PROVIDER, "no_video", "It says that it is done, and gives no video.")
    elif status is JobStatus.FAILED:
        why_not = why(item, answer.status)
    return JobReport(
        JobStatus.FAILED if why_not else status,
        provider_job_id=reference,
        progress=count_at(item, "progress", 100),
        result_url="" if why_not or status is not JobStatus.DONE else url,
        reported_cost_micros=cost,
        seed=count_at(item, "seed", MAX_SEED),
        nsfw_content=item["NSFWContent"] if isinstance(item.get("NSFWContent"), bool) else None,
        failure=why_not,
        raw=answer.raw,
    )


def _of_error(error: dict[str, Any], reference: str, answer: http.Answer) -> JobReport:
    is_cancelled = error.get("code") == CANCELLED
    return JobReport(
        JobStatus.CANCELLED if is_cancelled else JobStatus.FAILED,
        provider_job_id=reference,
        failure=why(error, answer.status),
        raw=answer.raw,
    )
