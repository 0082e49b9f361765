"""Turns a picture's colours into sRGB by the numbers that come with it, whatever its profile is called.

They come as an ICC profile, or as code points of primaries and of a transfer curve (ITU-T H.273), in PNG's ``cICP``
and in AVIF's and HEIC's ``nclx``; or as PNG's ``gAMA`` and ``cHRM``. Without any of them a picture is sRGB.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from PIL.ImageFile import ImageFile

from studio.media.signatures import Content

Floats = np.ndarray[Any, np.dtype[np.float32]]
Curve = Callable[[Floats], Floats]
# x and y of red, green, blue and white.
Primaries = tuple[float, ...]

D65 = (0.3127, 0.3290)
SRGB: Primaries = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65)
PRIMARIES: dict[int, Primaries] = {
    4: (0.67, 0.33, 0.21, 0.71, 0.14, 0.08, 0.310, 0.316),
    5: (0.64, 0.33, 0.29, 0.60, 0.15, 0.06, *D65),
    6: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    7: (0.630, 0.340, 0.310, 0.595, 0.155, 0.070, *D65),
    9: (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65),
    11: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, 0.314, 0.351),
    12: (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65),
}
PQ, HLG = 16, 18
WHITE_NITS, HLG_NITS = 203.0, 1000.0  # of a white page, and of the brightest light (ITU-R BT.2408)
KNEE = 0.8  # lights beyond a white page are brought together from here on
NEXT_TO_NOTHING = 2  # grey levels: a profile that changes less is sRGB by another name
ALIKE = 0.002  # of primaries' coordinates, which files round
USUAL_GAMMA = (0.44, 0.46)  # PNG's own number for sRGB is 0.45455
LATTICE = (0, 16, 48, 96, 128, 176, 224, 255)
HEAD_BYTES = 65_536


class Unusable(ValueError):
    """A profile that fits no picture, or not this one."""


@dataclass(frozen=True, slots=True)
class Coding:
    """Colours by code points. ``name`` is how a sentence calls them; without a ``curve`` it's that of sRGB."""

    name: str
    primaries: Primaries = SRGB
    curve: Curve | None = None
    is_hdr: bool = False

    @property
    def is_srgb(self) -> bool:
        return self.curve is None and bool(np.allclose(self.primaries, SRGB, atol=ALIKE))


def coding_of(image: ImageFile, content: Content, head: bytes) -> Coding | None:
    """The picture's code points, from its header and the file's beginning; None if it has none or they are of sRGB."""
    coding = None
    if content is Content.PNG:
        coding = _of_png(image, head)
    elif not image.info.get("icc_profile"):
        coding = _of_points(*_nclx(image, content, head))
    return coding if coding and not coding.is_srgb else None


def _nclx(image: ImageFile, content: Content, head: bytes) -> tuple[int, int]:
    """The code points of an AVIF or HEIC. 2 is what says nothing."""
    if content is Content.AVIF and (at := head.find(b"colrnclx")) > 0:
        return int.from_bytes(head[at + 8 : at + 10]), int.from_bytes(head[at + 10 : at + 12])
    said = image.info.get("nclx_profile") or {} if content is Content.HEIC else {}
    return int(said.get("color_primaries", 2)), int(said.get("transfer_characteristics", 2))


def through_coding(image: Image.Image, coding: Coding) -> Image.Image:
    """As RGB or RGBA in sRGB."""
    table = (coding.curve or _srgb_to_light)(np.linspace(0, 1, 256, dtype=np.float32))
    light: Floats = table[np.asarray(image.convert("RGB"))] @ _matrix(coding.primaries).T
    light = np.maximum(light, np.float32(0))
    if coding.is_hdr:
        light = _within(light)
    made = Image.fromarray((_light_to_srgb(light) * 255).round().astype(np.uint8))
    if image.mode in {"LA", "RGBA"}:
        made.putalpha(image.getchannel("A"))
    return made


def through_profile(image: Image.Image, profile: bytes) -> tuple[Image.Image, str]:
    """As L, RGB or RGBA in sRGB, and the profile's own name; the same image if it's sRGB already. Raises Unusable."""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        name = " ".join(ImageCms.getProfileDescription(source).split())[:60]
        alpha = image.getchannel("A") if image.mode in {"LA", "RGBA"} else None
        plain = _fitted(image, source.profile.xcolor_space.strip())
        if plain.mode != "CMYK" and _changes_nothing(plain.mode, source):
            return image, name
        made = _converted(plain, source)
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        raise Unusable(str(error)) from error
    if alpha:
        made.putalpha(alpha)
    return made, name


def _fitted(image: Image.Image, space: str) -> Image.Image:
    """The image in the kind of colours that the profile is of. A grey picture may have a profile of colours."""
    if space == "GRAY" and image.mode in {"L", "LA"}:
        return image.convert("L")
    if space == "RGB" and image.mode != "CMYK":
        return image.convert("RGB")
    if space == "CMYK" and image.mode == "CMYK":
        return image
    raise Unusable(f"A profile of {space} for a picture of {image.mode}.")


def _converted(image: Image.Image, source: ImageCms.ImageCmsProfile) -> Image.Image:
    made = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    if made is None:
        raise Unusable("Nothing was made.")
    return made


def _changes_nothing(mode: str, source: ImageCms.ImageCmsProfile) -> bool:
    """Tried on colours from all over."""
    axis = np.array(LATTICE, np.uint8)
    every = axis if mode == "L" else np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    sample = Image.fromarray(np.ascontiguousarray(every[None]))
    made = np.asarray(_converted(sample, source), np.int16)
    return int(np.abs(made - np.asarray(sample.convert("RGB"), np.int16)).max()) <= NEXT_TO_NOTHING


def _of_png(image: ImageFile, head: bytes) -> Coding | None:
    """``cICP`` counts more than a profile, and a profile more than ``gAMA`` and ``cHRM``."""
    at = head.find(b"cICP")
    if 0 < at < head.find(b"IDAT"):
        return _of_points(head[at + 4], head[at + 5])
    if image.info.get("icc_profile") or "srgb" in image.info:
        return None
    gamma, said = float(image.info.get("gamma") or 0), image.info.get("chromaticity")
    # Pillow has the white first.
    primaries: Primaries = (*said[2:8], *said[:2]) if said and len(said) == 8 and all(said) else SRGB
    curve = None if not 0.05 < gamma < 20 or USUAL_GAMMA[0] < gamma < USUAL_GAMMA[1] else _power(1 / gamma)
    return Coding("its own colours", primaries, curve)


def _of_points(primaries: int, transfer: int) -> Coding:
    """Curves of television are taken for that of sRGB, as browsers do."""
    curves: dict[int, tuple[str, Curve]] = {
        4: ("gamma 2.2", _power(2.2)),
        5: ("gamma 2.8", _power(2.8)),
        8: ("linear light", lambda values: values),
        PQ: ("HDR (PQ)", _pq_to_light),
        17: ("gamma 2.6", _power(2.6)),
        HLG: ("HDR (HLG)", _hlg_to_light),
    }
    name, curve = curves.get(transfer, ("wide colours", None))
    return Coding(name, PRIMARIES.get(primaries, SRGB), curve, is_hdr=transfer in {PQ, HLG})


def _power(gamma: float) -> Curve:
    return lambda values: np.asarray(values**gamma, np.float32)


def _pq_to_light(values: Floats) -> Floats:
    """1 is a white page."""
    m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
    power = values ** (1 / m2)
    return np.asarray((np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1) * 10_000 / WHITE_NITS, np.float32)


def _hlg_to_light(values: Floats) -> Floats:
    """1 is a white page. The system's gamma is taken of each colour alone, which for greys is the same."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(values <= 0.5, values**2 / 3, (np.exp((values - c) / a) + b) / 12)
    return np.asarray(scene**1.2 * HLG_NITS / WHITE_NITS, np.float32)


def _within(light: Floats) -> Floats:
    """The brightest lights brought down to white; what isn't bright stays as it is."""
    brightest = light.max(axis=2, keepdims=True)
    peak = float(brightest.max(initial=0))
    if peak <= 1:
        return light
    over = np.clip((brightest - KNEE) / (peak - KNEE), 0, 1)
    # Starts with the slope of what is below it and ends at white.
    steep = (peak - KNEE) / (1 - KNEE)
    down = KNEE + (1 - KNEE) * over * steep / (1 + over * (steep - 1))
    return np.asarray(np.where(brightest > KNEE, light * down / np.maximum(brightest, 1e-6), light), np.float32)


def _srgb_to_light(values: Floats) -> Floats:
    return np.asarray(np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4), np.float32)


def _light_to_srgb(light: Floats) -> Floats:
    light = np.clip(light, 0, 1)
    return np.asarray(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055), np.float32)


def _matrix(primaries: Primaries) -> Floats:
    """From light of these primaries to that of sRGB's, white to white."""
    bradford = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
    (to_xyz, white), (srgb, d65) = _to_xyz(primaries), _to_xyz(SRGB)
    adapted = np.linalg.inv(bradford) @ np.diag((bradford @ d65) / (bradford @ white)) @ bradford
    return np.asarray(np.linalg.inv(srgb) @ adapted @ to_xyz, np.float32)


def _to_xyz(primaries: Primaries) -> tuple[Any, Any]:
    columns = [np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in zip(primaries[::2], primaries[1::2], strict=True)]
    colours, white = np.stack(columns[:3], axis=1), columns[3]
    return colours * np.linalg.solve(colours, white), white
