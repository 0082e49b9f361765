"""What can be turned about a provider. Where the sources disagree (contract, section 10) each reading is a setting."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

CHOICES: dict[str, tuple[Any, ...]] = {
    "inputs": ("fetch", "assume"),
    "length": ("nearest", "up", "down"),
    "webhook_body": ("flat", "wrapped"),
    "webhook_failure": ("flat", "errors"),
    "error_shape": ("errors", "item"),
    "unknown_task": ("empty", "error"),
    "processing_uuid": ("never", "websocket", "always"),
    "submit_status": (200, 201, 202),
    "retry_header": ("needs", "retryable", "both"),
    "webhook_retries": ("10 in 2 h", "31 in 1 h"),
    "cancel_running": ("stops", "completes"),
    "usage_word": ("credits_used", "tokens_used"),
    "id_form": ("uuid:model", "short"),
    "status_code_type": ("number", "string"),
    "delivery": ("at_once", "held"),
    "refunds": ("succeeded", "pending"),
    "failed_refund": ("subtracts", "stays"),
}


class SettingError(ValueError):
    """Unknown name, or a value of the wrong type or outside the choices."""


@dataclass
class Turnable:
    """Settings that can be changed while the stand-in runs."""

    def apply(self, changes: dict[str, Any]) -> None:
        """Check all ``changes``, then make them."""
        known = {item.name for item in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise SettingError(f"no setting {name!r}; there are {sorted(known)}")
            if name in CHOICES and value not in CHOICES[name]:
                raise SettingError(f"{name} is one of {CHOICES[name]}, not {value!r}")
            now = getattr(self, name)
            kinds: tuple[type, ...] = (int, float) if isinstance(now, float) else (type(now),)
            if not isinstance(value, kinds) or isinstance(value, bool) is not isinstance(now, bool):
                raise SettingError(f"{name} takes {kinds[-1].__name__}, not {value!r}")
        for name, value in changes.items():
            setattr(self, name, value)

    def shown(self) -> dict[str, Any]:
        return asdict(self)


@dataclass
class Settings(Turnable):
    """Seconds are provider seconds unless a name says otherwise."""

    keys: list[str] = field(default_factory=list)
    queue_seconds: float = 5.0
    run_seconds: float = 60.0
    run_jitter: float = 0.0  # share of run_seconds, drawn evenly, the same in each run
    places: int = 0  # how many jobs run at once; 0 is no limit
    inputs: str = "fetch"  # or "assume": nothing is downloaded and each voice lasts assumed_voice_seconds
    assumed_voice_seconds: float = 10.0
    length: str = "nearest"  # how a voice is rounded to the 4/15 s grid
    extra_steps: int = 0
    padding_bytes: int = 0  # makes each MP4 or MOV this much larger
    own_films: bool = False  # no two jobs have the same bytes, and the books have a digest of each film
    balance_usd: float = 10_000.0
    least_image_side: int = 300
    most_image_side: int = 0  # 0 is no limit
    least_voice_seconds: float = 2.0
    most_voice_seconds: float = 300.0
    webhook_timeout_real_seconds: float = 10.0  # a webhook's time limit is never shorter, however fast the clock


@dataclass
class RunwareSettings(Settings):
    least_image_side: int = 512  # reported live: invalidWidth below it
    most_image_side: int = 2160
    visible_after_seconds: float = 0.0  # {"data": []} until then
    unknown_task: str = "empty"
    forget_conflict_after_seconds: float = 0.0  # when a taskUUID may be used again; 0 is never
    conflict_status: int = 400
    ack_has_status: bool = False
    error_shape: str = "errors"
    webhook_body: str = "flat"
    webhook_failure: str = "flat"
    webhook_tries: int = 10
    audio_data_uri: bool = True  # the document says no, practice yes
    prompt_required: bool = False
    cost_unasked: bool = False
    processing_uuid: str = "websocket"  # the older client waits for it in each poll
    socket_idle_real_seconds: float = 120.0
    url_seconds: float = 0.0  # life of videoURL without ttl; 0 is for ever


@dataclass
class FalSettings(Settings):
    admin_keys: list[str] = field(default_factory=list)
    submit_status: int = 200
    polite_status_codes: bool = True  # 202 until COMPLETED; False is 200 throughout
    response_suffix: bool = False  # response_url ends in /response
    retry_header: str = "needs"
    webhook_retries: str = "10 in 2 h"
    model_error_in_status: bool = False  # a model's own failure already shows in the status
    cancel_running: str = "stops"
    result_seconds: float = 3600.0  # without stored payloads
    large_result_seconds: float = 360.0  # the same, from 10 KB on
    stored_result_seconds: float = 2_592_000.0
    file_seconds: float = 604_800.0
    ledger_delay_seconds: float = 0.0


@dataclass
class AimlapiSettings(Settings):
    submit_status: int = 200
    usage_word: str = "credits_used"
    id_form: str = "uuid:model"
    status_code_type: str = "number"
    hold_seconds: float = 5.0  # what a submit sets aside, whatever the length
    queue_word: str = "queued"  # sample code also meets "waiting" and "active"
    ledger_delay_seconds: float = 20.0
    url_seconds: float = 0.0
