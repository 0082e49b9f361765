"""The reference is made of the OpenAPI document: a page for each operation, with all that is sent and given."""

from __future__ import annotations

import html
import json
import re

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.api.operations import Operation, operations_of
from avatarsite.api.reference import document

pytestmark = pytest.mark.django_db


def operations() -> dict[str, Operation]:
    return {each.id: each for each in operations_of(json.loads(document()))}


def page(name: str) -> str:
    answer = Client().get(reverse("api_operation", args=[name]))
    assert answer.status_code == 200
    return html.unescape(answer.content.decode())


def test_each_operation_is_listed_and_has_its_page() -> None:
    listed = Client().get("/api/").content.decode()
    said = json.loads(document())["paths"]
    assert re.findall(r'class="reference__entry" href="/api/operations/(\w+)/"', listed) == list(operations())
    assert operations().keys() == {one["operationId"] for methods in said.values() for one in methods.values()}
    for name, operation in operations().items():
        shown = page(name)
        assert f"<h1>{operation.summary}</h1>" in shown
        for field in (*operation.in_path, *operation.in_query, *operation.in_headers):
            assert f'name="{field.name}"' in shown


def test_a_shape_is_written_out_with_what_is_required_first() -> None:
    (body,) = operations()["create_render"].bodies
    fields = {field.name: field for field in body.fields}
    assert list(fields)[:2] == ["portrait", "voice"]
    assert [field.required for field in body.fields] == sorted((f.required for f in body.fields), reverse=True)
    assert (fields["voice"].kind, [field.name for field in fields["voice"].fields]) == (
        "string or object",
        ["script", "voice", "pace"],
    )
    assert (fields["tags"].kind, fields["tags"].limits) == ("list of string", "at most 20")
    assert fields["routing"].text == "<code>cheapest</code> (usual), <code>fastest</code>, a provider or an offer."
    good = next(answer for answer in operations()["create_render"].answers if answer.status == "201")
    (ceiling,) = (field for field in good.fields if field.name == "ceiling")
    assert [field.name for field in ceiling.fields] != []


def test_the_request_in_a_shell_has_what_it_needs() -> None:
    asked = operations()
    assert asked["get_balance"].curl == 'curl $SITE/api/v1/balance \\\n  -H "Authorization: Bearer $TOKEN"'
    assert asked["create_upload"].curl.splitlines() == [
        "curl -X POST $SITE/api/v1/uploads \\",
        '  -H "Authorization: Bearer $TOKEN" \\',
        '  -H "Idempotency-Key: $(uuidgen)" \\',
        "  -F kind=portrait \\",
        "  -F file=@file",
    ]
    example = asked["create_render"].curl.partition("-d '")[2].removesuffix("'")
    assert json.loads(example).keys() == {"portrait", "voice"}


def test_an_operation_that_there_is_not_is_a_problem_as_below_any_address_of_the_api() -> None:
    answer = Client().get("/api/operations/no_such_thing/")
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, "application/problem+json")
