"""Access ends with membership: whatever the way out, and at every door that a token opens."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.core.files.base import ContentFile
from django.test import Client
from django.urls import reverse

from avatarsite.audit.models import AuditEntry
from avatarsite.mail.models import MailMessage
from avatarsite.workspaces.errors import InvitationRevoked, TokenRefused
from avatarsite.workspaces.invitations import invitations
from avatarsite.workspaces.members import change_role, leave_workspace, remove_member
from avatarsite.workspaces.models import ApiToken, Invitation, Member, Role, Scope, User
from avatarsite.workspaces.tokens import make_token, rotate_token, take_over_token, token_of
from studio.errors import RequestRefused
from studio.gateway import stored_files
from studio.models import UploadKind
from studio.uploads.direct import complete_slot, open_slot, slot_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db

BODY = {"portrait": "https://example.org/a.jpg", "voice": "https://example.org/a.mp3"}
Way = Callable[[Cast], object]
WAYS: dict[str, Way] = {
    "removed": lambda cast: remove_member(cast.member(cast.alice), cast.member(cast.dora)),
    "left": lambda cast: leave_workspace(cast.member(cast.dora)),
    "switched off": lambda cast: User.objects.filter(pk=cast.dora.pk).update(is_active=False),
    "row deleted": lambda cast: Member.objects.filter(user=cast.dora, workspace=cast.workspace).delete(),
}
DEMOTIONS: dict[str, Way] = {
    "by the page": lambda cast: change_role(cast.member(cast.alice), cast.member(cast.dora), Role.VIEWER),
    "by the row": lambda cast: Member.objects.filter(user=cast.dora, workspace=cast.workspace).update(role="viewer"),
}


def key_of(cast: Cast, *scopes: Scope) -> str:
    return make_token(cast.workspace, user=cast.dora, name="Dora's", scopes=scopes or list(Scope))[1]


def answers(key: str) -> dict[str, int]:
    """What each door says to a key: our API, reading and writing, and the three gateways."""
    bearer = {"Authorization": f"Bearer {key}"}
    here = Client()

    def post(path: str, body: Any, headers: dict[str, str]) -> int:
        return here.post(path, data=body, content_type="application/json", headers=headers).status_code

    task = [{"taskType": "getResponse", "taskUUID": "2f1c1c1e-0000-4000-8000-000000000000"}]
    return {
        "look": here.get("/api/v1/renders", headers=bearer).status_code,
        "render": post("/api/v1/renders", {}, bearer),
        "balance": here.get("/api/v1/balance", headers=bearer).status_code,
        "endpoint": post("/api/v1/webhook-endpoints", {}, bearer),
        "slot": post("/api/v1/uploads/slots", {}, bearer),
        "fal": post(
            reverse("gateway_fal_submit", kwargs={"model": "fal-ai/flux/dev"}), {}, {"Authorization": f"Key {key}"}
        ),
        "runware": post(reverse("gateway_runware"), task, bearer),
        "aimlapi": post(reverse("gateway_aimlapi"), {}, bearer),
    }


@pytest.mark.parametrize("way", WAYS)
def test_a_token_stops_at_every_door_with_its_makers_access(cast: Cast, way: str) -> None:
    key, alices = key_of(cast), make_token(cast.workspace, user=cast.alice, name="A", scopes=list(Scope))[1]
    before = answers(key)
    assert 401 not in before.values()
    WAYS[way](cast)
    assert set(answers(key).values()) == {401}
    assert token_of(key) is None
    assert answers(alices) == before, "and nobody else's does"


@pytest.mark.parametrize("way", DEMOTIONS)
def test_a_token_does_no_more_than_its_makers_role(cast: Cast, way: str) -> None:
    whole, reads, bills = key_of(cast), key_of(cast, Scope.READ), key_of(cast, Scope.BILLING)
    before = answers(whole)
    DEMOTIONS[way](cast)
    after = answers(whole)
    assert [after[door] for door in ("look", "render", "endpoint", "slot", "fal", "aimlapi")] == [200, *[403] * 5]
    assert before["render"] != 403
    found = token_of(whole)
    assert found is not None
    assert found.scopes == ["read"]
    assert set(answers(bills).values()) == {401}
    assert answers(reads)["look"] == 200


@pytest.mark.parametrize("way", ["removed", "left", "row deleted"])
def test_coming_back_wakes_no_token(cast: Cast, way: str) -> None:
    key = key_of(cast)
    WAYS[way](cast)
    Member.objects.create(workspace=cast.workspace, user=cast.dora, role=Role.OWNER)
    assert token_of(key) is None


def test_a_role_given_again_brings_no_scope_back(cast: Cast) -> None:
    key = key_of(cast)
    for role in (Role.VIEWER, Role.ADMIN):
        change_role(cast.member(cast.alice), cast.member(cast.dora), role)
    found = token_of(key)
    assert found is not None
    assert found.scopes == ["read"]


def test_switched_on_again_the_tokens_work_again(cast: Cast) -> None:
    key = key_of(cast)
    User.objects.filter(pk=cast.dora.pk).update(is_active=False)
    assert token_of(key) is None
    User.objects.filter(pk=cast.dora.pk).update(is_active=True)
    assert token_of(key) is not None


@pytest.mark.parametrize("way", [*WAYS, "demoted"])
def test_an_invitation_goes_with_who_sent_it(cast: Cast, way: str) -> None:
    issued = invitations.invite(cast.member(cast.dora), "charlie@example.org", Role.ADMIN)
    (DEMOTIONS["by the row"] if way == "demoted" else WAYS[way])(cast)
    with pytest.raises(InvitationRevoked, match="has been withdrawn"):
        invitations.accept(cast.charlie, invitations.hash_of(issued.token))
    assert not Member.objects.filter(user=cast.charlie, workspace=cast.workspace).exists()


def test_her_open_pages_end_with_the_membership(cast: Cast) -> None:
    browser = cast.browser(cast.dora)
    page = reverse("team", kwargs={"workspace": cast.workspace.slug})
    assert browser.get(page).status_code == 200
    remove_member(cast.member(cast.alice), cast.member(cast.dora))
    assert browser.get(page).status_code == 404
    elsewhere = cast.browser(cast.emil)
    User.objects.filter(pk=cast.emil.pk).update(is_active=False)
    assert elsewhere.get(page).status_code == 302


@pytest.mark.parametrize("way", WAYS)
def test_addresses_for_uploads_end_with_the_token(cast: Cast, way: str) -> None:
    token, key = make_token(cast.workspace, user=cast.dora, name="Dora's", scopes=list(Scope))
    slot = open_slot(cast.workspace, kind=UploadKind.VOICE, name="a.mp3", user=cast.dora, token=token)
    given = Client().post(
        reverse("gateway_fal_initiate") + "?storage_type=fal-cdn-v3",
        data={"file_name": "a.mp3", "content_type": "audio/mpeg"}, content_type="application/json",
        headers={"Authorization": f"Key {key}"},
    ).json()  # fmt: skip
    fal = given["upload_url"].partition("//")[2].partition("/")[2]
    ours = slot.url.rpartition("/")[2] or slot.url.split("/")[-2]
    assert slot_of(ours) is not None
    WAYS[way](cast)
    assert slot_of(ours) is None
    assert Client().put(f"/{fal}", data=b"bytes").status_code == 403
    with pytest.raises(RequestRefused, match="no such slot"):
        complete_slot(cast.workspace, slot.id, user=cast.alice)


def test_handed_over_they_go_on_and_are_hers_no_more(cast: Cast) -> None:
    keys = [key_of(cast), key_of(cast, Scope.READ)]
    issued = invitations.invite(cast.member(cast.dora), "new@example.org", Role.MEMBER)
    ended = remove_member(cast.member(cast.alice), cast.member(cast.dora), take_tokens=True)
    assert str(ended) == "2 tokens were handed over, 1 invitation was withdrawn"
    assert {found.made_by for key in keys if (found := token_of(key))} == {cast.alice}
    assert Invitation.objects.get(pk=issued.invitation.pk).revoked_at
    line = AuditEntry.objects.get(event="member.access")
    assert (line.what, line.actor_user) == (f"dora@example.org was removed: {ended}", cast.alice)


def test_the_page_asks_and_does_as_it_is_told(cast: Cast) -> None:
    keys = [key_of(cast), key_of(cast, Scope.READ)]
    browser, dora = cast.browser(cast.alice), cast.member(cast.dora)
    team = reverse("team", kwargs={"workspace": cast.workspace.slug})
    page = browser.get(team).content.decode()
    assert "2 API tokens of theirs" in page
    assert page.count("handed over to me") == 5, "to remove, to make a developer, member, billing manager or viewer"
    role = reverse("member_role", kwargs={"workspace": cast.workspace.slug, "row": dora.pk})
    told = browser.post(role, {"role": "viewer", "tokens": "stop"}, follow=True).content.decode()
    assert "is now a viewer of Alice&#x27;s workspace. 1 token was cut to the role." in told
    remove = reverse("member_remove", kwargs={"workspace": cast.workspace.slug, "row": dora.pk})
    told = browser.post(remove, {"tokens": "stop"}, follow=True).content.decode()
    assert "has been removed from Alice&#x27;s workspace. 2 tokens of theirs stopped." in told
    assert "dora@example.org was removed: 2 tokens of theirs stopped" in told
    assert [token_of(key) for key in keys] == [None, None]


def test_a_manager_takes_a_token_over_and_nobody_else(cast: Cast) -> None:
    token, key = make_token(cast.workspace, user=cast.dora, name="Dora's", scopes=list(Scope))
    address = reverse("token_take_over", kwargs={"workspace": cast.workspace.slug, "token": token.pk})
    assert cast.browser(cast.emil).post(address).status_code == 403
    assert cast.browser(cast.charlie).post(address).status_code == 404
    assert cast.browser(cast.alice).post(address).status_code == 302
    leave_workspace(cast.member(cast.dora))
    assert token_of(key) is not None
    _, late = make_token(cast.workspace, user=cast.alice, name="Late", scopes=["read"])
    ApiToken.objects.filter(name="Late").update(maker=None)
    with pytest.raises(TokenRefused, match="does not work any more"):
        take_over_token(ApiToken.objects.get(name="Late"), user=cast.alice)
    with pytest.raises(TokenRefused, match="does not work any more"):
        rotate_token(ApiToken.objects.get(name="Late"), user=cast.alice, overlap=rotation())
    assert token_of(late) is None


def rotation() -> Any:
    from datetime import timedelta  # noqa: PLC0415

    return timedelta()


def test_mail_that_waits_for_somebody_who_has_gone_is_not_sent(cast: Cast) -> None:
    from billing.topups import low_balance  # noqa: PLC0415

    assert low_balance.check_low_balance(cast.workspace)
    remove_member(cast.member(cast.alice), cast.member(cast.dora))
    assert list(MailMessage.objects.values_list("to", flat=True)) == ["alice@example.org"]


def test_switching_off_and_removing_in_the_admin_is_written_down(cast: Cast) -> None:
    key_of(cast)
    root = User.objects.create_superuser("root@example.org", "a long password")
    browser = Client()
    browser.force_login(root, backend="avatarsite.workspaces.signing_in.known.SignedIn")
    page = reverse("admin:workspaces_user_change", args=[cast.dora.pk])
    rows = {f"memberships-{name}": "0" for name in ("TOTAL_FORMS", "INITIAL_FORMS")}
    answer = browser.post(page, {"email": "dora@example.org", "name": "Dora", **rows})
    assert answer.status_code == 302, answer.content.decode()[-3000:]
    line = AuditEntry.objects.get(workspace=cast.workspace, event="member.access")
    assert (line.what, line.actor_user) == ("dora@example.org was switched off: 1 token of theirs rests", root)


def test_files_that_are_put_by_a_workspaces_own_word_need_no_token(cast: Cast) -> None:
    file = stored_files.new_file(cast.workspace, name="face.jpg", content_type="image/jpeg")
    assert stored_files.keep(file, ContentFile(b"a face"))


# --- How long an answer takes tells nobody who has an account


SLOW = "django.contrib.auth.hashers.PBKDF2PasswordHasher"


def medians(known: Callable[[int], None], unknown: Callable[[int], None], times: int = 9) -> float:
    """The longer median by the shorter one, measured in turns."""
    took: tuple[list[float], list[float]] = ([], [])
    for number in range(times + 1):
        for ask, seconds in zip((known, unknown), took, strict=True):
            start = time.process_time()
            ask(number)
            seconds.append(time.process_time() - start)
    first, second = (statistics.median(seconds[1:]) for seconds in took)
    return max(first, second) / min(first, second)


def test_signing_up_takes_as_long_with_a_known_address(cast: Cast, settings: Any) -> None:
    settings.PASSWORD_HASHERS = [SLOW]
    settings.ACCOUNT_RATE_LIMITS = False
    assert PBKDF2PasswordHasher.iterations > 100_000

    def sign_up(email: str) -> None:
        answer = Client().post(reverse("account_signup"), {"email": email, "password1": "engines of analysis"})
        assert answer.status_code == 302

    ratio = medians(lambda _: sign_up("alice@example.org"), lambda number: sign_up(f"new{number}@example.org"))
    assert ratio < 1.5


def test_a_reset_takes_as_long_with_a_known_address(cast: Cast, settings: Any) -> None:
    settings.ACCOUNT_RATE_LIMITS = False

    def reset(email: str) -> None:
        assert Client().post(reverse("account_reset_password"), {"email": email}).status_code == 302

    ratio = medians(lambda _: reset("alice@example.org"), lambda number: reset(f"new{number}@example.org"), times=15)
    assert ratio < 1.5


def test_an_invitation_takes_as_long_for_a_known_address(cast: Cast) -> None:
    browser = cast.browser(cast.alice)
    team = reverse("team", kwargs={"workspace": cast.workspace.slug})
    people = [User.objects.create_user(f"known{number}@example.org", "a long password") for number in range(16)]

    def invite(email: str) -> None:
        assert browser.post(team, {"email": email, "role": "member"}).status_code == 302

    ratio = medians(
        lambda number: invite(people[number].email), lambda number: invite(f"new{number}@example.org"), times=15
    )
    assert ratio < 1.5
