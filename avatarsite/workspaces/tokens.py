"""Tokens: keys of a workspace for programs. A secret is shown once; we keep its hash.

A secret carries 238 random bits, so a plain SHA-256 keeps it: nothing slower would add anything.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import string
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Q
from django.utils import timezone

from avatarsite.audit.record import record
from avatarsite.db.compiled import Compiled
from avatarsite.legal.rights import RIGHTS_VERSION
from avatarsite.monitoring import logs
from avatarsite.outages.by_the_way import by_the_way
from avatarsite.workspaces.access import Action, demand, scopes_within
from avatarsite.workspaces.create import tidy_name
from avatarsite.workspaces.errors import NotAllowed, TokenRefused
from avatarsite.workspaces.leaving import note_access
from avatarsite.workspaces.members import one_at_a_time
from avatarsite.workspaces.models import ApiToken, Member, Scope, User, Workspace

LIVE, TEST = "ast_live_", "ast_test_"
NAME_LENGTH = 60
MAX_TOKENS = 100
MAX_ASK_MICROS = 1_000_000_000_000
MAX_OVERLAP = timedelta(days=30)
STAMP_EVERY = timedelta(minutes=1)
_LETTERS = string.ascii_letters + string.digits
_SECRET_LENGTH = 40
_SHOWN_LETTERS = 6
_by_hash = Compiled(
    ApiToken,
    lambda token_hash: ApiToken.objects.filter(token_hash=token_hash),
    joined={"workspace": (), "made_by": (), "maker": ()},
)


def make_token(  # noqa: PLR0913 -- each is a decision of whoever makes the token
    workspace: Workspace,
    *,
    user: User,
    name: str,
    scopes: Iterable[Scope | str],
    test: bool = False,
    expires_at: datetime | None = None,
    monthly_cap_micros: int | None = None,
    ask_above_micros: int | None = None,
    rights: bool = True,
) -> tuple[ApiToken, str]:
    """A new token and its secret, which is known only now. Raises NotAllowed or TokenRefused.

    With ``rights`` its maker states the right to all faces and voices that are sent with it.
    """
    token = ApiToken(
        workspace=workspace,
        made_by=user,
        name=_named(name),
        scopes=_known_scopes(scopes),
        test=test,
        expires_at=_in_the_future(expires_at),
        monthly_cap_micros=_positive(monthly_cap_micros),
        ask_above_micros=_not_negative(ask_above_micros),
        rights=RIGHTS_VERSION if rights else "",
    )
    with one_at_a_time(workspace):
        token.maker = _demand_reach(_demand_manager(workspace, user), token)
        if live_tokens(workspace).count() >= MAX_TOKENS:
            raise TokenRefused("name", f"A workspace has at most {MAX_TOKENS} tokens. Revoke one that is not used.")
        secret = _issue(token)
        _record("token.made", "made", token, user)
        return token, secret


def token_of(secret: str) -> ApiToken | None:
    """The live token behind a secret, with its workspace and its maker; None for whatever else. Stamps its last use.

    Its scopes are those that its maker's role reaches now.
    """
    if not secret.startswith((LIVE, TEST)):
        return None
    wanted = hash_of(secret)
    token = next(_by_hash(token_hash=wanted), None)
    if token is None or not hmac.compare_digest(token.token_hash, wanted) or not is_live(token):
        return None
    token.scopes = scopes_now(token)
    _stamp(token)
    logs.is_about(workspace=str(token.workspace_id))
    return token


def rotate_token(token: ApiToken, *, user: User, overlap: timedelta) -> tuple[ApiToken, str]:
    """A new secret with the same rights; the old one works for ``overlap`` more, if it does not end before.

    Raises NotAllowed, or TokenRefused for a token that is dead or has been replaced already.
    """
    if not timedelta() <= overlap <= MAX_OVERLAP:
        raise TokenRefused("overlap", f"The old token may work for {MAX_OVERLAP.days} days more at most.")
    with one_at_a_time(token.workspace):
        maker = _demand_manager(token.workspace, user)
        old = ApiToken.objects.select_related("workspace").get(pk=token.pk)
        if not is_live(old) or old.replaced_by_id:
            raise TokenRefused("token", f"{old.name} does not work any more or has been replaced. Make a new token.")
        _demand_reach(maker, old)
        caps = ("monthly_cap_micros", "ask_above_micros", "rights")
        kept = ("workspace", "name", "scopes", "test", "lineage", *caps, "expires_at")
        new = ApiToken(made_by=user, maker=maker, **{field: getattr(old, field) for field in kept})
        secret = _issue(new)
        end = timezone.now() + overlap
        old.expires_at = min(old.expires_at or end, end)
        old.replaced_by = new
        old.save(update_fields=["expires_at", "replaced_by"])
        _record("token.rotated", f"replaced by {new.prefix}…", old, user)
    return new, secret


def set_ask_above(token: ApiToken, ask_above_micros: int | None, *, user: User) -> None:
    """What it and those it was rotated from and to may spend at once without a person's yes; None is any amount.

    Raises NotAllowed or TokenRefused.
    """
    with one_at_a_time(token.workspace):
        _demand_manager(token.workspace, user)
        line = ApiToken.objects.filter(workspace=token.workspace, lineage=token.lineage)
        line.update(ask_above_micros=_not_negative(ask_above_micros))
        token.ask_above_micros = ask_above_micros
        told = "ask nobody" if ask_above_micros is None else f"ask above ${ask_above_micros / 1_000_000:,.2f}"
        _record("token.asks", f"told to {told}", token, user)


def state_rights(token: ApiToken, *, user: User) -> None:
    """Their statement, from now on, of the right to all faces and voices that are sent with it. Raises NotAllowed."""
    with one_at_a_time(token.workspace):
        _demand_manager(token.workspace, user)
        ApiToken.objects.filter(workspace=token.workspace, lineage=token.lineage).update(rights=RIGHTS_VERSION)
        token.rights = RIGHTS_VERSION
        _record("token.rights", f"given the statement of rights, wording {RIGHTS_VERSION}", token, user)


def revoke_token(token: ApiToken, *, user: User) -> None:
    """It stops working at once. Revoking twice is revoking once. Raises NotAllowed."""
    with one_at_a_time(token.workspace):
        _demand_manager(token.workspace, user)
        revoke_for_operator(token)


def take_over_token(token: ApiToken, *, user: User) -> None:
    """Make ``user`` its maker, so that it stays when the one who made it goes. Raises NotAllowed or TokenRefused."""
    with one_at_a_time(token.workspace):
        maker = _demand_reach(_demand_manager(token.workspace, user), token)
        alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
        mine = ApiToken.objects.filter(alive, pk=token.pk, revoked_at=None, maker__isnull=False)
        if not mine.update(made_by=user, maker=maker):
            raise TokenRefused("token", f"{token.name} does not work any more. Make a new token.")
        note_access(maker, by=user, what=f"took the token {token.prefix}… over")


def revoke_for_operator(token: ApiToken) -> None:
    """As ``revoke_token``, by whoever runs the service: the admin site has asked for their permission."""
    if ApiToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        _record("token.revoked", "revoked", token, None)


def working_tokens_of(user: User) -> models.QuerySet[ApiToken]:
    """Those they made, in every workspace, that programs can still use."""
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiToken.objects.filter(alive, made_by=user, revoked_at=None, maker__isnull=False)


def revoke_all_of(user: User) -> int:
    """Revoke each token that they made, as who fears that somebody was in their account does. How many there were."""
    found = list(working_tokens_of(user))
    for token in found:
        revoke_for_operator(token)
    return len(found)


def _record(event: str, act: str, token: ApiToken, user: User | None) -> None:
    what = f"The token {token.name} ({token.prefix}…) was {act}"
    record(event, what, workspace=token.workspace, target=token.pk, by=user, shown=True)


def tokens_of(workspace: Workspace) -> list[ApiToken]:
    """Those that work and those that ended in the last 30 days, newest first."""
    recent = timezone.now() - timedelta(days=30)
    ended_long_ago = Q(revoked_at__lt=recent) | Q(expires_at__lt=recent)
    found = ApiToken.objects.filter(workspace=workspace).exclude(ended_long_ago)
    return list(found.select_related("made_by", "replaced_by", "maker").order_by("-id"))


def live_tokens(workspace: Workspace) -> models.QuerySet[ApiToken]:
    alive = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    return ApiToken.objects.filter(
        alive, workspace=workspace, revoked_at=None, maker__isnull=False, made_by__is_active=True
    )


def is_live(token: ApiToken) -> bool:
    return stands(token) and (token.expires_at is None or token.expires_at > timezone.now())


def stands(token: ApiToken) -> bool:
    """Neither revoked, nor without a maker who may do anything of it."""
    return token.revoked_at is None and bool(scopes_now(token))


def admits(token: ApiToken) -> bool:
    """Whether what it gave out, such as an address for an upload, opens anything now."""
    return stands(token) and token.workspace.suspended_at is None


def scopes_now(token: ApiToken) -> list[str]:
    """Those that its maker's role reaches; none when they have gone or are switched off."""
    if token.maker is None or token.made_by is None or not token.made_by.is_active:
        return []
    return scopes_within(token.scopes, token.maker.role)


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _issue(token: ApiToken) -> str:
    start = TEST if token.test else LIVE
    secret = start + "".join(secrets.choice(_LETTERS) for _ in range(_SECRET_LENGTH))
    token.prefix = secret[: len(start) + _SHOWN_LETTERS]
    token.token_hash = hash_of(secret)
    token.lineage = token.lineage or token.pk
    token.save(force_insert=True)
    return secret


def _stamp(token: ApiToken) -> None:
    """To the minute: a write for every request would make reading the API as dear as writing."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at < now - STAMP_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - STAMP_EVERY)
        with by_the_way():
            ApiToken.objects.filter(stale, pk=token.pk).update(last_used_at=now)
        token.last_used_at = now


def _demand_manager(workspace: Workspace, user: User) -> Member:
    member = Member.objects.select_related("workspace").filter(workspace=workspace, user=user).first()
    if member is None:
        raise NotAllowed(f"You are not a member of {workspace}.")
    demand(member, Action.DEVELOP)
    return member


def _demand_reach(member: Member, token: ApiToken) -> Member:
    """Them, or TokenRefused: nobody has a token that may do what they may not."""
    beyond = [scope for scope in token.scopes if scope not in scopes_within(token.scopes, member.role)]
    if beyond:
        named = " and ".join(f"“{scope}”" for scope in beyond)
        raise TokenRefused("scopes", f"{named} reaches further than {member.as_role()} may. Ask an owner or an admin.")
    return member


def _named(name: str) -> str:
    name = tidy_name(name, limit=NAME_LENGTH)
    if not name:
        raise TokenRefused("name", "Give the token a name that says where it is used.")
    return name


def _known_scopes(scopes: Iterable[Scope | str]) -> list[str]:
    wanted = set(scopes)
    if not wanted or wanted - set(Scope):
        raise TokenRefused("scopes", f"Choose at least one of {', '.join(Scope)}.")
    return [scope.value for scope in Scope if scope in wanted]


def _in_the_future(moment: datetime | None) -> datetime | None:
    if moment is not None and moment <= timezone.now():
        raise TokenRefused("expires_at", "The token would have expired already. Choose a later day, or none.")
    return moment


def _not_negative(micros: int | None) -> int | None:
    if micros is not None and not 0 <= micros <= MAX_ASK_MICROS:
        raise TokenRefused("ask_above", "The amount can’t be used. Choose one from $0 to $1,000,000, or none.")
    return micros


def _positive(cap_micros: int | None) -> int | None:
    if cap_micros is not None and cap_micros <= 0:
        raise TokenRefused("monthly_cap_micros", "A cap of nothing would refuse everything. Choose more, or no cap.")
    return cap_micros
