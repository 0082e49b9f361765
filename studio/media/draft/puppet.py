"""The scene with a face: it speaks, blinks and sways."""

from __future__ import annotations

from studio.media.draft.arrays import Bytes
from studio.media.draft.eyes import EyeTable, blink_track
from studio.media.draft.face import Face
from studio.media.draft.lips import measure_lips
from studio.media.draft.mouth import MouthTable
from studio.media.draft.planes import Fine, Planes, to_planes
from studio.media.draft.sound import FPS, Voice
from studio.media.draft.sway import Pose, Sway


class Puppet:
    def __init__(self, picture: Bytes, face: Face, voice: Voice, seed: int) -> None:
        self._voice = voice
        self._backdrop = to_planes(picture)
        self._still = Fine(self._backdrop)  # the portrait with the mouth and eyes of the moment
        self._mouth = MouthTable(picture, face, measure_lips(picture, face))
        # Lids drawn beside the eyes are worse than none: without a seen pair of eyes there's no blink.
        self._eyes = EyeTable(picture, face) if face.eyes_found else None
        self._blinks = blink_track(voice.frames, FPS, seed)
        self._sway = Sway(face, Pose.of_voice(voice.mood, seed + 1), picture.shape)

    def expect(self, frame: int) -> None:
        self._mouth.begun(float(self._voice.opening[frame]), float(self._voice.width[frame]))

    def draw(self, frame: int, onto: Planes) -> None:
        if self._eyes:
            for box, patch in zip(self._eyes.boxes, self._eyes.shapes(float(self._blinks[frame])), strict=True):
                self._still.replace(box, patch)
        shape = self._mouth.shape(float(self._voice.opening[frame]), float(self._voice.width[frame]))
        self._still.replace(self._mouth.box, shape)
        onto.copy_from(self._backdrop)
        self._sway.move(self._still, onto, frame)
