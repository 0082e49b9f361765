"""A run: a house, a load, the weather over it, the way home, the books."""

from __future__ import annotations

import time

from tests.chaos.books import read_books
from tests.chaos.house import PLENTY, House
from tests.chaos.load import load
from tests.chaos.plan import Plan
from tests.chaos.report import Report
from tests.chaos.weather import Log, come_home, machines_kept, storm


def run(there: House, plan: Plan) -> Report:
    with machines_kept(there), load(there, plan) as made:
        log = Log()
        storm(there, plan, made, log)
        seconds = time.monotonic() - log.began
        come_home(there, made, log)
        return Report(made, log, read_books(there, made, plenty=PLENTY), seconds)
