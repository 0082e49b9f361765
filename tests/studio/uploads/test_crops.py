"""Crops of a portrait: the shape, the face in it, one upload for the same bytes, and the original untouched."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from avatarsite.workspaces.models import User, Workspace
from studio.errors import RequestRefused
from studio.media.errors import UploadRefused
from studio.media.portraits.crops import RATIOS, crop_of
from studio.models import Upload, UploadKind
from studio.uploads.add import add_upload, delete_upload
from studio.uploads.crops import crop_upload, original_of, possible_crops
from tests.corpus import pictures
from tests.support.paths import SAMPLES

SAMPLE = (SAMPLES / "portrait.jpg").read_bytes()


def large(form: str = "JPEG") -> bytes:
    buffer = io.BytesIO()
    Image.open(io.BytesIO(SAMPLE)).resize((1200, 1200)).save(buffer, form, quality=90)
    return buffer.getvalue()


def portrait(workspace: Workspace, data: bytes, name: str = "anna.jpg") -> Upload:
    return add_upload(workspace, kind=UploadKind.PORTRAIT, file=ContentFile(data), name=name)


@given(
    width=st.integers(300, 2048),
    height=st.integers(300, 2048),
    at=st.tuples(st.floats(0, 1), st.floats(0, 1), st.floats(0.08, 0.6)),
    ratio=st.sampled_from(list(RATIOS)),
)
def test_a_crop_has_its_shape_lies_in_the_picture_and_keeps_the_face(
    width: int, height: int, at: tuple[float, float, float], ratio: str
) -> None:
    side = max(20, int(at[2] * min(width, height)))
    face = (int(at[0] * (width - side)), int(at[1] * (height - side)), side, side)
    crop = crop_of(width, height, face, ratio)
    x, y, across, down = crop.box
    assert x >= 0
    assert y >= 0
    assert x + across <= width
    assert y + down <= height
    assert crop.is_whole or across == width or down == height
    wanted = RATIOS[ratio][0] / RATIOS[ratio][1]
    assert abs(across - down * wanted) <= max(1.0, wanted) or crop.is_whole
    if not crop.why_not:
        assert x <= face[0] <= face[0] + side <= x + across
        assert y <= face[1] <= face[1] + side <= y + down
        assert min(crop.width, crop.height) >= 300


def test_a_face_that_does_not_fit_and_a_picture_too_small_are_refused_in_words() -> None:
    assert crop_of(1000, 1000, (100, 100, 700, 700), "9:16").why_not == "It would cut the face off."
    small = crop_of(310, 310, None, "9:16")
    assert small.why_not == "It would be 174 × 310 pixels; each side must be at least 300."


def test_without_a_face_the_upper_part_is_kept() -> None:
    assert crop_of(1000, 1000, None, "16:9").box == (0, 145, 1000, 562)
    assert crop_of(1000, 1000, None, "4:5").box == (100, 0, 800, 1000)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("form", "kind", "name", "named"),
    [("JPEG", "image/jpeg", "anna.jpg", "anna 9x16.jpg"), ("PNG", "image/png", "anna", "anna 9x16")],
)
def test_a_crop_is_an_upload_of_its_own_kept_once(  # noqa: PLR0917 -- fixtures and cases
    workspace: Workspace, alice: User, media: Path, form: str, kind: str, name: str, named: str
) -> None:
    whole = portrait(workspace, large(form), name)
    stored = media / str(whole.file.name)
    before = stored.read_bytes()
    made = crop_upload(whole, "9:16", user=alice)
    assert (made.width, made.height, made.content_type, made.name) == (675, 1200, kind, named)
    assert made.details["crop"] == {"of": whole.pk, "ratio": "9:16"}
    assert (made.created_by, made.warnings) == (alice, [])
    x, _, across, _ = made.details["face"]
    assert 200 < x + across / 2 < 475
    assert crop_upload(whole, "9:16", user=alice).pk == made.pk
    assert Upload.objects.count() == 2
    assert stored.read_bytes() == before
    assert original_of(made) == whole
    delete_upload(whole)
    assert original_of(made) is None


@pytest.mark.django_db
def test_what_has_the_shape_is_itself_and_what_is_too_small_is_scaled_up_a_little(workspace: Workspace) -> None:
    whole = portrait(workspace, SAMPLE)
    assert crop_upload(whole, "1:1", user=None) == whole
    made = crop_upload(whole, "16:9", user=None)
    assert (made.width, made.height) == (533, 300)
    assert [(crop.ratio, crop.is_whole) for crop in possible_crops(whole) if crop.why_not] == [("1:1", True)]


@pytest.mark.django_db
def test_what_can_not_be_cropped_says_why(workspace: Workspace) -> None:
    small = portrait(workspace, pictures.jpeg())
    with pytest.raises(RequestRefused) as refusal:
        crop_upload(small, "16:9", user=None)
    assert (refusal.value.field, refusal.value.code) == ("ratio", "crop_impossible")
    assert refusal.value.message == (
        "“anna.jpg” can’t be cropped to 16:9. It would be 400 × 225 pixels; each side must be at least 300."
    )
    with pytest.raises(RequestRefused) as unknown:
        crop_upload(small, "3:2", user=None)
    assert unknown.value.code == "unknown_ratio"
    voice = Upload(kind=UploadKind.VOICE, workspace=workspace, name="a", duration_ms=1)
    with pytest.raises(UploadRefused) as no_portrait:
        crop_upload(voice, "1:1", user=None)
    assert no_portrait.value.code == "portrait_wrong_kind"
    assert Upload.objects.count() == 1
