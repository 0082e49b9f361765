"""A stand-in for Stripe: a real HTTP server on loopback. ``tests/simulators/README.md`` is its manual."""
