"""Requests to loopback without loading the world's certificates for each: 60 ms of CPU less a call."""

from __future__ import annotations

from functools import partial

import httpx

get = partial(httpx.get, verify=False, follow_redirects=True)  # a file may lie in a bucket
head = partial(httpx.head, verify=False, follow_redirects=True)
post = partial(httpx.post, verify=False)
put = partial(httpx.put, verify=False)
request = partial(httpx.request, verify=False)
Client = partial(httpx.Client, verify=False)
