"""Legal pages: drafts until somebody publishes a wording, and who accepted which."""

from __future__ import annotations

from hashlib import sha256

import pytest
from django.test import Client

from avatarsite.legal.models import Acceptance, LegalText, Page
from avatarsite.legal.texts import draft_of, wording_of
from avatarsite.workspaces.models import User
from tests.conftest import PASSWORD, Cast

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page", Page)
def test_a_draft_says_that_it_is_one(page: Page) -> None:
    shown = Client().get(f"/{page}/").content.decode()
    assert (f"<h1>{page.label}</h1>" in shown, "A draft: nobody has published a wording yet." in shown) == (True, True)


def test_the_newest_wording_is_shown_as_text_and_never_as_a_page_of_the_writers() -> None:
    LegalText.objects.create(page=Page.TERMS, body="Old.")
    LegalText.objects.create(page=Page.TERMS, body="**New** <script>alert(1)</script> [x](javascript:alert(1))")
    shown = Client().get("/terms/").content.decode()
    assert "<strong>New</strong> &lt;script&gt;" in shown
    assert ("Old." in shown, 'href="javascript:' in shown, "In force since" in shown) == (False, False, True)


def test_whoever_signs_up_has_accepted_what_stood_there() -> None:
    terms = LegalText.objects.create(page=Page.TERMS, body="Be kind.")
    page = Client().get("/account/signup/").content.decode()
    assert ['href="/terms/"' in page, 'href="/privacy/"' in page] == [True, True]
    sent = {"email": "zoe@example.org", "name": "Zoe", "password1": PASSWORD}
    assert Client(REMOTE_ADDR="203.0.113.9").post("/account/signup/", sent).status_code == 302
    user = User.objects.get(email="zoe@example.org")
    found = Acceptance.objects.filter(user=user).order_by("page").values_list("page", "text", "digest", "address")
    assert list(found) == [
        ("privacy", None, sha256(draft_of(Page.PRIVACY).encode()).hexdigest(), "203.0.113.9"),
        ("terms", terms.pk, sha256(b"Be kind.").hexdigest(), "203.0.113.9"),
    ]


def test_a_wording_is_published_on_the_desk_and_stays(cast: Cast) -> None:
    browser = cast.browser(User.objects.create_superuser("root@example.org", PASSWORD))
    form = browser.get("/admin/legal/legaltext/add/?page=imprint").content.decode()
    assert "Whoever runs this service writes here" in form
    assert browser.post("/admin/legal/legaltext/add/", {"page": "imprint", "body": "Ada, London"}).status_code == 302
    row = wording_of(Page.IMPRINT).row
    assert row is not None
    path = f"/admin/legal/legaltext/{row.pk}"
    assert [browser.post(f"{path}/{deed}/", {"body": "x"}).status_code for deed in ("change", "delete")] == [403, 403]
    assert wording_of(Page.IMPRINT).body == "Ada, London"
