from __future__ import annotations

from django.test import Client

from avatarsite.limits import MOST_BYTES, TOO_LARGE


def test_a_request_that_announces_too_much_is_refused_unread() -> None:
    answer = Client().post("/account/login/", data={}, CONTENT_LENGTH=str(MOST_BYTES + 1))
    assert (answer.status_code, answer.content.decode()) == (413, TOO_LARGE)
