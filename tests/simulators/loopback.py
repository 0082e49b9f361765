"""Requests to loopback without loading the world's certificates for each: 60 ms of CPU less a call.

A stand-in may have to encode a film before it answers, so they wait for longer than httpx's five seconds.
"""

from __future__ import annotations

from functools import partial

import httpx

get = partial(httpx.get, verify=False, timeout=60, follow_redirects=True)  # a file may lie in a bucket
head = partial(httpx.head, verify=False, timeout=60, follow_redirects=True)
post = partial(httpx.post, verify=False, timeout=60)
put = partial(httpx.put, verify=False, timeout=60)
request = partial(httpx.request, verify=False, timeout=60)
Client = partial(httpx.Client, verify=False, timeout=60)
