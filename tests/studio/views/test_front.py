"""What somebody sees who has not signed in."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from billing.prices import price_book
from studio.providers.registry import MODELS
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


class Cells(HTMLParser):
    """The words of each row of the table."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.feed(page.partition("<tbody>")[2].partition("</tbody>")[0])

    def handle_starttag(self, tag: str, _attrs: Any) -> None:
        if tag == "tr":
            self.rows.append([])

    def handle_data(self, data: str) -> None:
        if data.strip():
            self.rows[-1].append(data.strip())


def rows() -> dict[str, list[str]]:
    page = Client().get("/")
    assert page.status_code == 200
    return {name: rest for name, _summary, *rest in Cells(page.content.decode()).rows}


def test_the_prices_are_those_of_the_price_book() -> None:
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=12_300, source="a test")
    assert rows()["Draft"] == ["$0.0123", "$0.3690"]


def test_a_model_without_a_key_is_listed_as_not_on_sale(settings: Any) -> None:
    settings.RUNWARE_API_KEY = settings.FAL_KEY = settings.AIMLAPI_API_KEY = ""
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=0, source="a test")
    shown = rows()
    assert list(shown) == [model.name for model in MODELS.values()]
    assert {name for name, cells in shown.items() if cells == ["Not on sale at the moment"]} == set(shown) - {"Draft"}


def test_the_next_visitor_costs_no_query(django_assert_num_queries: Any) -> None:
    Client().get("/")
    with django_assert_num_queries(0):
        Client().get("/")


def test_whoever_has_signed_in_goes_on_where_they_were(cast: Cast) -> None:
    assert cast.browser(cast.alice).get("/")["Location"] == f"/w/{cast.workspace.slug}/videos/"
    assert cast.browser(cast.alice).post("/").status_code == 405
