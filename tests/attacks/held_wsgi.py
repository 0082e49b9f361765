"""The web server's application, where requests with ``X-Hold`` keep their thread until the file ``go`` is there.

``manage.py web --app tests.attacks.held_wsgi.application``. Each leaves a file in the folder HELD, by its name.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from avatarsite.wsgi import application as whole

HELD = Path(os.environ["HELD"])


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if held := environ.get("HTTP_X_HOLD"):
        (HELD / held).touch()
        while not (HELD / "go").exists():
            time.sleep(0.02)
    return whole(environ, start_response)
