"""C2PA manifests: signed into a file, or beside one whose format can't hold any, and read again.

The private key is not here: what is to be signed is asked of whoever has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import c2pa

from studio.media.video.transcode import container_of

FORMATS = {"mp4": "video/mp4", "mov": "video/quicktime", "gif": "image/gif"}  # those that hold a manifest
ANY = "application/octet-stream"
ACTIONS = "c2pa.actions.v2"
# Nothing is asked of the network.
SETTINGS: dict[str, Any] = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}
UNTRUSTED = "signingCredential.untrusted"  # says nothing against the file


class Unreadable(ValueError):
    """The file, or the manifest in it, is too broken to be looked at."""


class NotSigned(ValueError):
    """The file could not be signed; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be said of a file, and by whom. ``held`` is whether the manifest goes into the file.

    ``assertions`` and ``actions`` are as C2PA has them; the first action is how the file came about, if it was not
    made from one that has a manifest. ``certificates`` are the signer's and those behind it, as PEM.
    """

    form: str
    held: bool
    generator: dict[str, str]
    assertions: list[dict[str, Any]]
    actions: list[dict[str, Any]]
    algorithm: str
    certificates: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is said of a file, and by whom. ``broken`` are the reasons why it is not true of the file as it is now."""

    signer: str
    serial: int
    is_anchored: bool  # whether one of our anchors stands behind the signer's certificate
    generator: str
    assertions: dict[str, Any]
    has_parent: bool
    broken: tuple[str, ...]


def sign(
    source: Path, target: Path, order: Order, parent: Path | None = None, *, ask: Callable[[bytes], bytes]
) -> bytes:
    """The manifest. If the file holds it, ``target`` becomes a copy with it, else it belongs beside the file as it is.

    A manifest that ``parent`` has, which may be ``source``, is kept in the new one. ``ask`` signs. Raises NotSigned.
    """
    try:
        algorithm = c2pa.C2paSigningAlg[order.algorithm]
        with (
            c2pa.Signer.from_callback(ask, algorithm, order.certificates) as signer,
            c2pa.Context.from_dict(SETTINGS) as context,
            _builder(order, parent, context) as builder,
            source.open("rb") as file,
            target.open("w+b") as signed,
        ):
            if not order.held:
                builder.set_no_embed()
            manifest = builder.sign(signer, FORMATS[order.form] if order.held else ANY, file, signed)
    except c2pa.C2paError as error:
        target.unlink(missing_ok=True)
        raise NotSigned(f"The file could not be signed: {error}") from error
    if not order.held:
        target.unlink()
    return bytes(manifest)


def _builder(order: Order, parent: Path | None, context: c2pa.Context) -> c2pa.Builder:
    form = _form_with_manifest(parent)
    first, *others = order.actions
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["parent"]}}
    # What it came from says itself how it came about; what was done here is then an edit.
    edited = first | {"action": "c2pa.edited"}
    actions = {"label": ACTIONS, "data": {"actions": [opened, edited, *others] if form else order.actions}}
    claims = {"claim_generator_info": [order.generator], "assertions": [actions, *order.assertions]}
    builder = c2pa.Builder.from_json(json.dumps(claims), context)
    if form and parent:
        with parent.open("rb") as file:
            builder.add_ingredient({"relationship": "parentOf", "label": "parent"}, form, file)
    return builder


def _form_with_manifest(path: Path | None) -> str:
    """The format of a file that has a manifest of its own that can be read; "" of any other."""
    form = FORMATS.get(container_of(path), "") if path else ""
    with suppress(Unreadable):
        if path and form and read(path, "") is not None:
            return form
    return ""


def read(path: Path, anchors: str, beside: bytes | None = None) -> Manifest | None:
    """The manifest in a file, or that which is said to belong beside it; None if there is none. Raises Unreadable."""
    settings = SETTINGS | ({"trust": {"user_anchors": anchors}} if anchors else {})
    with c2pa.Context.from_dict(settings) as context, path.open("rb") as file:
        try:
            form = ANY if beside else None
            reader = c2pa.Reader.try_create(form, file, beside, context=context)
        except (c2pa.C2paError.NotSupported, c2pa.C2paError.ManifestNotFound):
            return None
        except c2pa.C2paError as error:
            raise Unreadable(str(error)) from error
        if reader is None:
            return None
        with reader:
            return _manifest(json.loads(reader.json()))


def _manifest(told: dict[str, Any]) -> Manifest | None:
    active = told.get("manifests", {}).get(told.get("active_manifest", ""))
    if active is None:
        return None
    found = told.get("validation_results", {}).get("activeManifest", {})
    signature, made_by = active.get("signature_info", {}), active.get("claim_generator_info") or [{}]
    return Manifest(
        signer=signature.get("common_name") or signature.get("issuer") or "",
        serial=int(signature.get("cert_serial_number") or 0),
        is_anchored=any(each["code"] == "signingCredential.trusted" for each in found.get("success", [])),
        generator=made_by[0].get("name", ""),
        assertions={each["label"]: each.get("data") for each in active.get("assertions", [])},
        has_parent=any(each.get("relationship") == "parentOf" for each in active.get("ingredients", [])),
        broken=tuple(each["code"] for each in found.get("failure", []) if each["code"] != UNTRUSTED),
    )
