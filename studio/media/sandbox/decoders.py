"""Decoders and all else that a job may need, loaded before the first child is forked."""

import av
import cv2
import numpy as np
import pillow_heif
from PIL import Image, features

from studio.media import content, manifests, normalise, thumbnails
from studio.media.captions import align, burn, files, typefaces
from studio.media.draft import drawing
from studio.media.portraits import cascades, crops, judgement, portraits
from studio.media.sandbox.paths import CODE
from studio.media.video import join, label, preview, transcode, videos
from studio.media.voices import splice, split, voices

__all__ = [
    "align",
    "av",
    "burn",
    "cascades",
    "content",
    "crops",
    "cv2",
    "drawing",
    "features",
    "files",
    "join",
    "judgement",
    "label",
    "manifests",
    "normalise",
    "pillow_heif",
    "portraits",
    "preview",
    "splice",
    "split",
    "thumbnails",
    "transcode",
    "typefaces",
    "videos",
    "voices",
]

cv2.setNumThreads(1)
Image.init()
# What the first of its kind builds or loads each child would do for itself: tables, names of functions, cascades.
clip = CODE.parent / "static" / "models" / "draft.mp4"
videos.probe_video(clip)
manifests.read(clip, "")
judgement.judge(np.zeros((320, 320, 3), np.uint8))
cascades.cascade(cascades.EAGER)  # an empty picture does not get as far as this one
