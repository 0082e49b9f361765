from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from billing.prices import price_book
from studio.demo import seed_demo
from studio.pipeline.desk import sale


class Command(BaseCommand):
    help = "Brings price book and offers up to date with their files; --demo also makes the demo workspace."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--demo", action="store_true", help="make the demo workspace, its people and credit too")

    def handle(self, *_args: Any, **options: Any) -> None:
        price_book.seed_prices()
        sale.all_offers()
        if options["demo"]:
            for login in seed_demo()[1]:
                self.stdout.write(f"{login.email}  {login.password}  {login.what_for}")
