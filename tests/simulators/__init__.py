"""Stand-ins for the three providers: real HTTP servers on loopback. README.md beside this file is the manual."""

import sys

if "pytest" in sys.modules:  # assertions outside test modules explain themselves only if asked to before the import
    import pytest

    for _name in ("fixture", "protocol_runware", "protocol_fal", "protocol_aimlapi"):
        pytest.register_assert_rewrite(f"tests.simulators.{_name}")
