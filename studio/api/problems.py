"""The studio's refusals as problems."""

from __future__ import annotations

from avatarsite.api.problems import Problem, declare, problem_in_words, translates
from studio.media.errors import Refusal
from studio.pipeline.request.batches import BatchRefused
from studio.storage.ledger import DELETE_SOMETHING, StorageTooFast
from studio.uploads.fetch import FileNotFetched

IN_USE = frozenset({Refusal.PORTRAIT_IN_USE, Refusal.VOICE_IN_USE})
TITLES = {
    "unknown_model": "There is no such model",
    "not_a_portrait": "The portrait is none of this workspace",
    "not_a_voice": "The voice is none of this workspace",
    "not_media": "The input is neither an id nor an address nor a data URI",
    "no_such_upload": "There is no such upload",
    "no_such_project": "There is no such open project",
    "no_such_quote": "There is no such quote",
    "quote_expired": "The quote has expired",
    "quote_differs": "The request is not what was quoted",
    "nothing_to_quote": "There is no length to price",
    "one_source": "A file comes from one place",
    "bad_option": "An option can’t be had like this",
    "prompt_too_long": "The prompt is too long",
    "reference_too_long": "The reference is too long",
    "title_too_long": "The title is too long",
    "title_missing": "The title is empty",
    "bad_tag": "A tag can’t be kept as it is",
    "too_many_tags": "The video would have too many tags",
    "metadata_too_large": "There is too much metadata",
    "metadata_too_long": "A name or a value of the metadata is too long",
    "metadata_not_text": "The metadata holds something that is not a string",
    "prompt_unreadable": "The prompt can’t be stored",
    "reference_unreadable": "The reference can’t be stored",
    "metadata_unreadable": "The metadata can’t be stored",
    "slot_unknown": "There is no such slot",
    "slot_empty": "Nothing has been sent to the slot",
    "slot_size": "The file is not of the size that was announced",
    "empty_file": "The file is empty",
    "file_too_large": "The file is too large",
    "no_such_video": "There is no such video here",
    "share_render": "The video can’t be shared",
    "share_expires_at": "The end of the link can’t be used",
    "share_password": "The password can’t be used",
    "share_embed_origins": "The sites that may embed it can’t be used",
    "give_up_moment": "The moment can’t be used",
    "rendition_without_video": "There is no video to make it of",
    "rendition_is_video": "The video itself is in this format",
    "project_name": "The project’s name can’t be used",
    "project_portrait": "The project’s portrait can’t be used",
    "captions_source": "Captions come from one place",
    "captions_without_words": "Nobody has told what the voice says",
    "captions_empty": "There is no caption in it",
    "captions_too_large": "There is too much for captions",
    "captions_unreadable": "The captions can’t be read",
    "captions_times": "The captions’ times can’t be so",
    "captions_letters": "Letters of the captions have no typeface",
    "rights_not_stated": "Nobody has stated the right to the face or the voice",
    "portrait_warnings": "Something speaks against the portrait",
    "crop_impossible": "The portrait can’t be cropped to this shape",
    "unknown_ratio": "There is no such shape",
    "script_too_long": "The script is too long",
    "script_says_nothing": "The script has no words",
    "bad_pause": "A pause of the script can’t be read",
    "bad_pace": "The pace can’t be had",
    "unknown_voice": "There is no such voice to speak with",
    "voice_costs": "A test token has the voices that cost nothing",
    "voice_gone": "The script of the video is no longer there",
    "bad_pronunciation": "The pronunciation can’t be kept as it is",
    "too_many_pronunciations": "The list of pronunciations is full",
    "batch_refused": "At least one item of the batch can’t be made",
}
CONFLICTS = {
    "no_offer": "The model can’t be had now",
    "quote_unavailable": "What was quoted can’t be had now",
    "price_changed": "The price is above what you allow",
    "voice_unavailable": "The voice can’t be had now",
    "voice_being_heard": "The voice is being listened to",
    "sample_unavailable": "The sample can’t be had now",
    "too_many_speeches": "Too many scripts wait to be spoken",
    "still_running": "The video is still being made",
    "idempotency_conflict": "The key was used for another video",
    "captions_too_late": "There is no video for captions",
    "captions_changed": "The captions have changed meanwhile",
    "withheld": "The video is withheld by the people who run the service",
    "cannot_cancel": "It can’t be stopped any more",
    "give_up_early": "The video is not late",
    "give_up_ended": "The video has ended",
}
# What is said of a portrait or a voice; what is not here follows "is": "The voice is too long".
SAID = {
    "codec": "is in a codec that can’t be used",
    "elsewhere": "belongs to another workspace",
    "not_numbers": "holds sound that is not numbers",
    "over_limits": "takes too much time or memory to read",
    "too_many_pixels": "has too many pixels",
    "too_slow": "takes too long to read",
    "unreachable": "can’t be fetched",
    "unreadable": "can’t be read",
    "without_sound": "has no sound",
    "wrong_kind": "is an upload of the other kind",
    "is_a_video": "is a video",
}
for _code, _title in TITLES.items():
    declare(_code, 422, _title, "Correct the named field.")
for _code, _title in CONFLICTS.items():
    declare(_code, 409, _title, "The detail says what to do.")
declare("approval_needed", 403, "A person has to say yes", "Ask by the API or MCP, where it waits for a yes.")
declare("approval_ended", 409, "It was decided, or has expired", "Ask again.")
declare("approvals_waiting", 429, "Too many requests wait for a yes", "Have some of them decided first.")
declare("empty_body", 400, "The body is empty", "Send the bytes of the file as the body.")
declare("drafts_waiting", 429, "Too many drafts wait", "Wait as long as Retry-After says, or ask for fewer at once.")
declare("free_seconds_used", 429, "The day’s free video is used up", "Wait as long as Retry-After says, or pay for it.")
declare("slot_gone", 404, "There is no such open slot", "Open a new slot and send the bytes there.")
declare("storage_full", 413, "The workspace has no room for it", DELETE_SOMETHING)
declare("storage_too_fast", 429, "Too many bytes in a minute", "Wait as long as Retry-After says.")
for _refusal in Refusal:
    _kind, _, _what = _refusal.value.partition("_")
    _title = f"The {_kind} {SAID.get(_what) or 'is ' + _what.replace('_', ' ')}"
    declare(_refusal.value, 409 if _refusal in IN_USE else 422, _title, "The remedy is in the answer.")


@translates(FileNotFetched)
def _unreachable(refusal: FileNotFetched) -> Problem:
    return problem_in_words(refusal, retryable=refusal.retryable)


@translates(StorageTooFast)
def _too_fast(refusal: StorageTooFast) -> Problem:
    headers = {"Retry-After": str(refusal.seconds)}
    return problem_in_words(refusal, headers=headers, retry_after_seconds=refusal.seconds)


@translates(BatchRefused)
def _batch(refusal: BatchRefused) -> Problem:
    items = [
        {
            "index": one.index,
            "code": one.refusal.code,
            "field": one.refusal.field,
            "detail": one.refusal.message,
            "remedy": one.refusal.remedy,
        }
        for one in refusal.items
    ]
    return problem_in_words(refusal, items=items)
