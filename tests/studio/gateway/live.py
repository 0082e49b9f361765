"""The gateway as it is deployed: a site with its processes, and the providers' stand-ins behind it."""

from __future__ import annotations

import json
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx

from tests.simulators import loopback
from tests.simulators.fixture import SPEED, Door, Inbox, Simulators, eventually, open_inbox, running_simulators
from tests.studio.api.live import MOVE_IN, LiveApi, live_api
from tests.support.servers import free_ports
from tests.support.sites import ROOT

CREDIT = 100_000_000
