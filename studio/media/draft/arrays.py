"""The arrays that the engine passes around, and the one curve that everything moves along."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Floats = NDArray[np.floating[Any]]


def ease(x: Floats) -> Floats:
    """0 to 1 with a soft start and a soft end."""
    return x * x * (3 - 2 * x)
