"""Tokens on the page: made, shown once, rotated with an overlap, revoked."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods, require_POST

from avatarsite.amounts import written
from avatarsite.legal.rights import OF_A_PROGRAM
from avatarsite.workspaces import tokens
from avatarsite.workspaces.access import Action, may
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.errors import TokenRefused
from avatarsite.workspaces.forms import AskForm, RotationForm, TokenForm, micros_asked
from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.views.confirm import confirm

UNPROCESSABLE = 422


@dataclass(frozen=True, slots=True)
class Line:
    """A token in the list, and how it stands: a word, the icon and the tone of its badge."""

    token: ApiToken
    state: str
    icon: str
    tone: str

    @property
    def live(self) -> bool:
        return tokens.is_live(self.token)

    @property
    def taken_over(self) -> bool:
        """Whether another manager could take it over: it works, or its maker is switched off for now."""
        token = self.token
        return token.maker_id is not None and token.revoked_at is None and self.state != "Expired"

    @property
    def asks_above(self) -> str:
        """As it stands in the field."""
        micros = self.token.ask_above_micros
        return "" if micros is None else written(Decimal(micros) / 1_000_000)

    @property
    def rotatable(self) -> bool:
        return self.live and self.token.replaced_by_id is None


@dataclass(frozen=True, slots=True)
class Shown:
    """A secret, on the one page that ever has it."""

    token: ApiToken
    secret: str


@workspace_view(Action.VIEW, post=Action.DEVELOP)
@require_http_methods(["GET", "HEAD", "POST"])
def developers(request: WorkspaceRequest) -> HttpResponseBase:
    """The tokens; posting makes one and shows its secret."""
    role = request.member.role
    form = TokenForm(request.POST if request.method == "POST" else None, role=role)
    if request.method != "POST" or not form.is_valid():
        return _page(request, form)
    try:
        made = tokens.make_token(request.workspace, user=request.user, **form.wish())
    except TokenRefused as refused:
        form.add_error(refused.field if refused.field in form.fields else None, refused.sentence)
        return _page(request, form)
    return _page(request, TokenForm(role=role), Shown(*made))


@workspace_view(Action.DEVELOP)
@require_POST
def rotate(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    old = get_object_or_404(ApiToken, workspace=request.workspace, pk=token)
    form = RotationForm(request.POST)
    try:
        made = tokens.rotate_token(old, user=request.user, overlap=form.wish())
    except TokenRefused as refused:
        messages.error(request, refused.sentence)
        return redirect("developers", workspace=request.workspace.slug)
    return _page(request, TokenForm(role=request.member.role), Shown(*made))


@workspace_view(Action.DEVELOP)
def revoke(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """What it ends, first; then the deed."""
    row = get_object_or_404(ApiToken, workspace=request.workspace, pk=token)
    if request.method != "POST":
        used = (
            f"It was last used {row.last_used_at:%-d %b %Y, %H:%M} UTC." if row.last_used_at else "It was never used."
        )
        ends = "Programs that use it are refused from that moment on; what they have asked for is still made."
        return confirm(
            request,
            f"Revoke {row.name}?",
            f"{ends} {used} It can’t be undone: a new token has another secret.",
            deed="Revoke",
            keep=reverse("developers", kwargs={"workspace": request.workspace.slug}),
        )
    tokens.revoke_token(row, user=request.user)
    messages.success(request, f"{row.name} is revoked. Nothing can use it any more.")
    return redirect("developers", workspace=request.workspace.slug)


@workspace_view(Action.DEVELOP)
@require_POST
def ask(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """What the token spends at once without a person's yes."""
    row = get_object_or_404(ApiToken, workspace=request.workspace, pk=token)
    form = AskForm(request.POST)
    if not form.is_valid():
        messages.error(request, " ".join(str(error) for error in form.errors["ask_above"]))
        return redirect("developers", workspace=request.workspace.slug)
    tokens.set_ask_above(row, micros_asked(form.cleaned_data["ask_above"]), user=request.user)
    never = row.ask_above_micros is None
    messages.success(request, f"{row.name} asks nobody." if never else f"{row.name} waits for a yes above that amount.")
    return redirect("developers", workspace=request.workspace.slug)


@workspace_view(Action.DEVELOP)
@require_POST
def rights(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    """The statement of rights for all that the token sends."""
    row = get_object_or_404(ApiToken, workspace=request.workspace, pk=token)
    tokens.state_rights(row, user=request.user)
    messages.success(request, f"Your statement is kept with {row.name}, and with each paid video that it asks for.")
    return redirect("developers", workspace=request.workspace.slug)


@workspace_view(Action.DEVELOP)
@require_POST
def take_over(request: WorkspaceRequest, token: str) -> HttpResponseBase:
    row = get_object_or_404(ApiToken, workspace=request.workspace, pk=token)
    try:
        tokens.take_over_token(row, user=request.user)
    except TokenRefused as refused:
        messages.error(request, refused.sentence)
    else:
        messages.success(request, f"{row.name} is yours now. Rotate it, if somebody else may have kept its secret.")
    return redirect("developers", workspace=request.workspace.slug)


def _page(request: WorkspaceRequest, form: TokenForm, shown: Shown | None = None) -> HttpResponse:
    context = {
        "form": form,
        "shown": shown,
        "lines": [_line(token) for token in tokens.tokens_of(request.workspace)],
        "rotation": RotationForm(),
        "of_a_token": OF_A_PROGRAM,
        "may_manage": may(request.member, Action.DEVELOP),
    }
    response = render(request, "workspaces/developers.html", context, status=UNPROCESSABLE if form.errors else 200)
    if shown:
        patch_cache_control(response, no_store=True)
    return response


def _line(token: ApiToken) -> Line:
    if token.revoked_at:
        return Line(token, "Revoked", "close", "bad")
    if token.expires_at and token.expires_at <= timezone.now():
        return Line(token, "Expired", "clock", "idle")
    if not tokens.stands(token):
        return Line(token, "Stopped: its maker has no access", "stop", "bad")
    if token.replaced_by_id:
        return Line(token, "Being replaced", "clock", "warn")
    return Line(token, "Works", "check", "good")
