"""Tokens as the domain knows them; test_token_pages.py walks through the pages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.forms import model_to_dict
from django.utils import timezone

from avatarsite.workspaces import tokens
from avatarsite.workspaces.access import Action, demand_of_token
from avatarsite.workspaces.errors import NotAllowed, TokenRefused
from avatarsite.workspaces.models import ApiToken, Scope
from avatarsite.workspaces.tokens import hash_of, make_token, revoke_token, rotate_token, token_of, tokens_of
from tests.conftest import Cast

pytestmark = pytest.mark.django_db


def make(cast: Cast, **changes: Any) -> tuple[ApiToken, str]:
    return make_token(cast.workspace, **{"user": cast.alice, "name": "CI", "scopes": [Scope.READ], **changes})


def test_a_secret_opens_its_workspace_and_no_other(cast: Cast) -> None:
    token, secret = make(cast)
    found = token_of(secret)
    assert found is not None
    assert (found.pk, found.workspace, found.scopes) == (token.pk, cast.workspace, ["read"])


def test_whose_a_token_is_comes_with_it(cast: Cast, django_assert_num_queries: Any) -> None:
    token, secret = make(cast)
    ApiToken.objects.filter(pk=token.pk).update(last_used_at=timezone.now())
    with django_assert_num_queries(1):
        found = token_of(secret)
        assert found is not None
        assert (found.workspace, found.made_by, found.maker) == (cast.workspace, cast.alice, token.maker)


def test_all_that_is_known_of_a_token_comes_with_it(cast: Cast) -> None:
    """By a text that is kept, as by one that is put together."""
    for expires_at in (None, timezone.now() + timedelta(days=1)):
        token, secret = make(cast, expires_at=expires_at)
        found = token_of(secret)
        assert found is not None
        for row in (token, token.workspace, token.made_by, token.maker):
            assert row is not None
            row.refresh_from_db()
        pairs = [(found, token), (found.workspace, token.workspace), (found.made_by, token.made_by)]
        for one, other in [*pairs, (found.maker, token.maker)]:
            assert model_to_dict(one) == model_to_dict(other)


def test_the_table_does_not_hold_the_secret(cast: Cast) -> None:
    token, secret = make(cast)
    row = ApiToken.objects.filter(pk=token.pk).values().get()
    assert secret not in repr(row)
    assert (row["token_hash"], row["prefix"]) == (hash_of(secret), secret[:15])


@pytest.mark.parametrize("test", [True, False])
def test_a_secret_says_whether_it_is_for_tests(cast: Cast, test: bool) -> None:
    assert make(cast, test=test)[1].startswith("ast_test_" if test else "ast_live_")


@pytest.mark.parametrize("secret", ["", "ast_live_", "ast_live_" + "a" * 40, "Bearer", "ast_live_ü", "\x00"])
def test_a_made_up_secret_opens_nothing(db: None, secret: str) -> None:
    assert token_of(secret) is None


def test_a_prefix_opens_nothing(cast: Cast) -> None:
    token, secret = make(cast)
    assert [token_of(token.prefix), token_of(secret[:-1]), token_of(secret + "a")] == [None] * 3


def test_an_expired_token_opens_nothing(cast: Cast) -> None:
    token, secret = make(cast, expires_at=timezone.now() + timedelta(days=1))
    assert token_of(secret) == token
    ApiToken.objects.update(expires_at=timezone.now())
    assert token_of(secret) is None


def test_revoking_acts_at_once_and_twice_is_once(cast: Cast) -> None:
    token, secret = make(cast)
    revoke_token(token, user=cast.dora)
    token.refresh_from_db()
    first = token.revoked_at
    revoke_token(token, user=cast.alice)
    token.refresh_from_db()
    assert (token_of(secret), token.revoked_at) == (None, first)


def test_last_use_is_stamped_to_the_minute(cast: Cast) -> None:
    token, secret = make(cast)
    stamps = {found.last_used_at for found in (token_of(secret), token_of(secret)) if found}
    token.refresh_from_db()
    assert stamps == {token.last_used_at}
    old = timezone.now() - timedelta(minutes=2)
    ApiToken.objects.update(last_used_at=old)
    token_of(secret)
    token.refresh_from_db()
    assert token.last_used_at is not None
    assert token.last_used_at > old


def test_while_rotating_both_secrets_work_and_then_only_the_new_one(cast: Cast) -> None:
    old, first = make(cast, scopes=["render"], monthly_cap_micros=5_000_000, test=True)
    new, second = rotate_token(old, user=cast.alice, overlap=timedelta(hours=1))
    assert [token_of(first), token_of(second)] == [old, new]
    assert (new.scopes, new.monthly_cap_micros, new.test) == (["render"], 5_000_000, True)
    assert new.lineage == old.lineage == old.pk
    old.refresh_from_db()
    assert old.replaced_by == new
    ApiToken.objects.filter(pk=old.pk).update(expires_at=timezone.now())
    assert [token_of(first), token_of(second)] == [None, new]


def test_rotating_without_overlap_ends_the_old_one_at_once(cast: Cast) -> None:
    old, first = make(cast)
    _, second = rotate_token(old, user=cast.alice, overlap=timedelta())
    assert token_of(first) is None
    assert token_of(second) is not None


def test_rotating_never_lengthens_a_life(cast: Cast) -> None:
    end = timezone.now() + timedelta(minutes=5)
    old, _ = make(cast, expires_at=end)
    new, _ = rotate_token(old, user=cast.alice, overlap=timedelta(days=7))
    old.refresh_from_db()
    assert [old.expires_at, new.expires_at] == [end, end]


def test_a_token_is_rotated_once(cast: Cast) -> None:
    old, _ = make(cast)
    rotate_token(old, user=cast.alice, overlap=timedelta(hours=1))
    with pytest.raises(TokenRefused):
        rotate_token(old, user=cast.alice, overlap=timedelta(hours=1))
    assert ApiToken.objects.count() == 2


@pytest.mark.parametrize("days", [-1, 31])
def test_an_overlap_has_its_limits(cast: Cast, days: int) -> None:
    with pytest.raises(TokenRefused) as refused:
        rotate_token(make(cast)[0], user=cast.alice, overlap=timedelta(days=days))
    assert refused.value.sentence == "The old token may work for 30 days more at most."


@pytest.mark.parametrize("who", ["bob", "charlie", "emil"])
def test_only_who_manages_the_workspace_makes_rotates_and_revokes(cast: Cast, who: str) -> None:
    user = getattr(cast, who)
    token, secret = make(cast)
    with pytest.raises(NotAllowed):
        make(cast, user=user)
    with pytest.raises(NotAllowed):
        rotate_token(token, user=user, overlap=timedelta())
    with pytest.raises(NotAllowed):
        revoke_token(token, user=user)
    assert [token_of(secret)] == list(ApiToken.objects.all())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " \n "}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["read", "everything"]}, "scopes"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
        ({"monthly_cap_micros": 0}, "monthly_cap_micros"),
    ],
)
def test_what_cannot_be_is_refused_with_its_field(cast: Cast, changes: dict[str, Any], field: str) -> None:
    with pytest.raises(TokenRefused) as refused:
        make(cast, **changes)
    assert refused.value.field == field
    assert not ApiToken.objects.exists()


def test_a_workspace_has_so_many_and_no_more(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MAX_TOKENS", 1)
    token, _ = make(cast)
    with pytest.raises(TokenRefused):
        make(cast)
    revoke_token(token, user=cast.alice)
    assert make(cast)[0].name == "CI"


def test_the_list_forgets_what_ended_long_ago(cast: Cast) -> None:
    old, recent, live = (make(cast, name=name)[0] for name in ("old", "recent", "live"))
    ApiToken.objects.filter(pk=old.pk).update(revoked_at=timezone.now() - timedelta(days=31))
    ApiToken.objects.filter(pk=recent.pk).update(expires_at=timezone.now() - timedelta(days=1))
    assert tokens_of(cast.workspace) == [live, recent]
    assert tokens_of(cast.charlie.workspaces.get()) == []


@pytest.mark.parametrize(
    ("scope", "may"),
    [
        (Scope.READ, {Action.VIEW}),
        (Scope.RENDER, {Action.VIEW, Action.RENDER}),
        (Scope.BILLING, {Action.MANAGE_BILLING}),
        (Scope.WEBHOOKS, {Action.VIEW, Action.DEVELOP}),
        (Scope.ADMIN, set(Action) - {Action.MANAGE_MEMBERS, Action.MANAGE_OWNERS}),
    ],
)
def test_what_each_scope_grants(cast: Cast, scope: Scope, may: set[Action]) -> None:
    token, _ = make(cast, scopes=[scope])

    def granted(action: Action) -> bool:
        try:
            demand_of_token(token, action)
        except NotAllowed:
            return False
        return True

    assert {action for action in Action if granted(action)} == may


def test_a_token_that_reaches_too_short_is_told_which_scope_would_do(cast: Cast) -> None:
    token, _ = make(cast, scopes=[Scope.READ])
    with pytest.raises(NotAllowed) as refused:
        demand_of_token(token, Action.RENDER)
    assert refused.value.sentence == (
        "The token “CI” may not make or change videos, uploads and projects. "
        "Use a token with the scope “render” or “admin”."
    )
