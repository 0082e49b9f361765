"""Stand-ins for the three providers and for Stripe, real HTTP servers on loopback. README.md here is the manual."""

import sys

if "pytest" in sys.modules:  # assertions outside test modules explain themselves only if asked to before the import
    import pytest

    for _name in ("fixture", "sdks", "protocol_runware", "protocol_fal", "protocol_aimlapi", "stripe.fixture"):
        pytest.register_assert_rewrite(f"tests.simulators.{_name}")
