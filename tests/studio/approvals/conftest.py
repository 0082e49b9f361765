from __future__ import annotations

from tests.studio.api.conftest import api as api  # noqa: PLC0414
from tests.studio.api.conftest import inputs as inputs  # noqa: PLC0414
from tests.studio.api.conftest import priced as priced  # noqa: PLC0414
