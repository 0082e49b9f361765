"""A token, credit and inputs, as the API's own tests have them."""

from tests.studio.api.conftest import api, inputs, priced

__all__ = ["api", "inputs", "priced"]
