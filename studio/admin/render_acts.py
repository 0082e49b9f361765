"""What staff do about one render: each act on a page that says what it will do, once, however many press at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse

from avatarsite.admin.act_forms import ActForm, InternalReasonForm, ToldReasonForm
from avatarsite.admin.acts import acted_before, form_page, row_url
from avatarsite.workspaces.models import User
from billing.errors import CannotReverse
from billing.money import usd, usd_at_most
from studio.models import Render, RenderState
from studio.models.renders import WithheldFor
from studio.pipeline.cancel import give_up, job_in_flight
from studio.pipeline.content.withhold import give_back_out, withhold
from studio.pipeline.operator import ask, give_back, move
from studio.providers import registry

if TYPE_CHECKING:
    from avatarsite.admin.base import ModelAdmin

    Page = ModelAdmin[Render]
else:
    Page = object

STOPPED = "This video was stopped by the people who run the service."
WITHHOLDING = (
    "Nobody is given it from now on: no share, no page, no API, its owner neither, who reads why. The file stays, and "
    "links to the file itself that were handed out before work for up to six hours. What was charged stays charged."
)
CHANGE, GIVE_BACK = "studio.change_render", "billing.grant_credit"


@dataclass(frozen=True, slots=True)
class Done:
    """What came of an act: a sentence, what is logged of it, and whether it has done anything."""

    sentence: str
    log: str = ""

    @property
    def level(self) -> int:
        return messages.SUCCESS if self.log else messages.WARNING


@dataclass(frozen=True, slots=True)
class Act:
    """``why_not`` says why it can't be done now, ``terms`` what it would do, ``do`` makes one call into the domain."""

    name: str
    label: str
    permission: str
    form: type[ActForm]
    why_not: Callable[[Render], str]
    terms: Callable[[Render], list[str]]
    do: Callable[[Render, dict[str, Any], User], Done]

    @property
    def url_name(self) -> str:
        return f"studio_render_{self.name}"


class SendForm(InternalReasonForm):
    """The offers that can make it within its ceiling."""

    offer = forms.ChoiceField(label="To", widget=forms.RadioSelect)
    field_order = ("offer", "reason")

    def __init__(self, *args: Any, render: Render, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        lines = move.other_offers(render)
        names = [(line.offer, f"{line.provider_label}, at most {usd_at_most(line.ceiling_micros)}") for line in lines]
        cast("forms.ChoiceField", self.fields["offer"]).choices = names


def _ask(render: Render, _facts: dict[str, Any], _staff: User) -> Done:
    told = ask.ask_now(render)
    return Done(told.sentence, f"Asked the provider: {told.sentence}" if told.news else "")


def _send(render: Render, facts: dict[str, Any], _staff: User) -> Done:
    label = registry.provider_label(facts["offer"])
    if not move.send_elsewhere(render, facts["offer"], reason=facts["reason"]):
        return _too_late(render)
    return Done(f"It waits for {label} now.", f"Sent to {facts['offer']}: {facts['reason']}")


def _give_up(render: Render, facts: dict[str, Any], _staff: User) -> Done:
    reason = facts["reason"]
    if render.ended or not give_up(render, code="stopped", message=f"{STOPPED} {reason}", reason=f"given up: {reason}"):
        return _too_late(render)
    return Done(f"It was given up; {usd_at_most(render.ceiling_micros)} came back.", f"Gave up: {reason}")


def _give_back(render: Render, facts: dict[str, Any], staff: User) -> Done:
    reason = facts["reason"]
    try:
        won = give_back.give_charge_back(render, reason=reason, actor=staff)
    except CannotReverse as error:
        return Done(str(error))
    render.refresh_from_db()
    if not won:
        return Done(f"Nothing more can be given back: {give_back.terms_of(render)}")
    amount = usd(render.returned_micros)
    return Done(f"{amount} was given back; its customer gets a mail.", f"Gave {amount} back: {reason}")


def _withhold(render: Render, facts: dict[str, Any], _staff: User) -> Done:
    if not withhold(render, why=facts["reason"]):
        return _too_late(render)
    return Done("Nobody is given it from now on.", f"Withheld: {facts['reason']}")


def _give_out(render: Render, facts: dict[str, Any], _staff: User) -> Done:
    if not give_back_out(render, why=facts["reason"]):
        return _too_late(render)
    return Done("It is given out again.", f"Given out again: {facts['reason']}")


def _why_not_withhold(render: Render) -> str:
    if render.state != RenderState.READY:
        return "There is no video yet." if not render.ended else "It has ended without a video."
    return "It is withheld." if render.withheld_for == WithheldFor.OPERATOR else ""


def _too_late(render: Render) -> Done:
    render.refresh_from_db()
    return Done(f"Somebody or something was first: it is {render.get_state_display().lower()} now. Nothing was done.")


def _why_not_give_up(render: Render) -> str:
    return "It has ended and stays as it is." if render.ended else ""


def _terms_of_giving_up(render: Render) -> list[str]:
    held = usd_at_most(render.ceiling_micros)
    job = job_in_flight(render.pk)
    told = f"It fails now, and all {held} that is held comes back to its customer, who is told why."
    if job is None:
        return [told]
    who = registry.provider_label(job.offer)
    stop = "is asked to stop" if registry.can_stop(job.offer) else "can't be asked to stop"
    return [told, f"{who} {stop}; what it makes all the same is a loss of ours."]


def _why_not_give_back(render: Render) -> str:
    if render.returned_at:
        return f"Nothing more can be given back: {give_back.terms_of(render)}"
    return "" if render.paid_micros else "Nothing was charged for it."


def _why_not_send(render: Render) -> str:
    if why_not := move.why_not_move(render):
        return why_not
    return "" if move.other_offers(render) else move.why_no_other(render)


def _terms_of_sending(render: Render) -> list[str]:
    here = registry.provider_label(render.offer)
    job = job_in_flight(render.pk)
    told = [f"It is at {here}. The ceiling of {usd_at_most(render.ceiling_micros)} binds as before."]
    if job is None:
        return told
    stop = "is asked to stop" if registry.can_stop(job.offer) else "can't be asked to stop"
    return [*told, f"{here} has taken it and {stop}; what it makes all the same is a loss of ours."]


ACTS = (
    Act(
        "ask",
        "Ask the provider now",
        CHANGE,
        ActForm,
        ask.why_not_ask,
        lambda render: [f"{registry.provider_label(render.offer)} is asked how it stands. {ask.TERMS}"],
        _ask,
    ),
    Act("send", "Send to another offer", CHANGE, SendForm, _why_not_send, _terms_of_sending, _send),
    Act("give_up", "Give up", CHANGE, ToldReasonForm, _why_not_give_up, _terms_of_giving_up, _give_up),
    Act("withhold", "Withhold", CHANGE, ToldReasonForm, _why_not_withhold, lambda _: [WITHHOLDING], _withhold),
    Act(
        "give_out",
        "Give out again",
        CHANGE,
        InternalReasonForm,
        lambda render: "" if render.withheld_for == WithheldFor.OPERATOR else "It is not withheld by you.",
        lambda _: ["Its owner has it again, and its share links work again."],
        _give_out,
    ),
    Act(
        "give_back",
        "Give the charge back",
        GIVE_BACK,
        ToldReasonForm,
        _why_not_give_back,
        lambda render: [give_back.terms_of(render).capitalize(), "Its customer reads the reason, and gets a mail."],
        _give_back,
    ),
)


class RenderActs(Page):
    """The pages of the acts, and which of them somebody may do."""

    def get_urls(self) -> list[URLPattern]:
        return [*(self._url_of(act) for act in ACTS), *super().get_urls()]

    def _url_of(self, act: Act) -> URLPattern:
        def view(request: HttpRequest, object_id: str) -> HttpResponse:
            return self._act_view(request, object_id, act)

        route = f"<path:object_id>/{act.name.replace('_', '-')}/"
        return path(route, self.admin_site.admin_view(view), name=act.url_name)

    def acts_for(self, request: HttpRequest, render: Render) -> list[dict[str, str]]:
        """The buttons of the page: what this person may do, and why not now."""
        may = [act for act in ACTS if request.user.has_perm(act.permission)]
        return [
            {
                "label": act.label,
                "url": reverse(f"admin:{act.url_name}", args=[render.pk]),
                "why_not": act.why_not(render),
            }
            for act in may
        ]

    def _act_view(self, request: HttpRequest, object_id: str, act: Act) -> HttpResponse:
        if not request.user.has_perm(act.permission):
            raise PermissionDenied
        render = self.get_object(request, object_id)
        if render is None:
            raise Http404
        more: dict[str, Any] = {"render": render} if act.form is SendForm else {}
        form = act.form(request.POST or None, initial={"token": uuid.uuid4()}, **more)
        token = form.data.get("token", "")
        if token and acted_before(render, token):
            self.message_user(request, "This form was sent before; it has acted once.", messages.WARNING)
            return HttpResponseRedirect(row_url(render))
        there = "It is sent there already." if form.data.get("offer") == render.offer else ""
        if request.method == "POST" and (why_not := act.why_not(render) or there):
            self.message_user(request, why_not, messages.WARNING)
            return HttpResponseRedirect(row_url(render))
        if form.is_valid():
            return self._do(request, act, render, form.cleaned_data)
        why_not = act.why_not(render)
        return form_page(
            self,
            request,
            form,
            title=f"{act.label}: {render}",
            sentences=[why_not] if why_not else act.terms(render),
            act=act.label,
            row=render,
            template="admin/studio/render/act.html",
            possible=not why_not,
        )

    def _do(self, request: HttpRequest, act: Act, render: Render, facts: dict[str, Any]) -> HttpResponse:
        try:
            done = act.do(render, facts, cast("User", request.user))
        except move.CannotMove as error:
            done = Done(str(error))
        if done.log:
            self.log_change(request, render, f"{done.log} ({facts['token']})", why=facts.get("reason", ""))
        self.message_user(request, done.sentence, done.level)
        return HttpResponseRedirect(row_url(render))
