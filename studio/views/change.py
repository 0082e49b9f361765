"""Change of what a finished video says: new words for some sentences, or new sound for a stretch of its voice.

What comes out is a new voice, and the maker with it: there the plan shows which parts are new.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.shortcuts import render as show
from django.urls import reverse
from django.utils.functional import cached_property
from django_htmx.http import HttpResponseClientRedirect

from avatarsite.errors import DomainError
from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from studio.models import Render, Speech, SpeechState, Upload, UploadKind
from studio.pipeline.request.scopes import scopes_of
from studio.speech.change import Change, change_of, speech_of, wish_of, with_sound, with_words
from studio.speech.plan import plan_speech
from studio.speech.script import MAX_CHARACTERS
from studio.speech.speak import speak
from studio.views.query_values import word
from studio.views.slots import ACCEPTS

POLL_SECONDS = 1
TIME = re.compile(r"(?:(\d{1,3}):)?(\d{1,4}(?:[.,]\d{1,3})?)")
BAD_TIME = "Write a time as minutes and seconds, like 1:05 or 1:05.5."


class TimeField(forms.CharField):
    """A place in a voice, in milliseconds."""

    def clean(self, value: Any) -> Any:
        found = TIME.fullmatch(super().clean(value).strip())
        if found is None:
            raise forms.ValidationError(BAD_TIME)
        return round((int(found[1] or 0) * 60 + float(found[2].replace(",", "."))) * 1000)


class ScriptForm(forms.Form):
    script = forms.CharField(
        label="Script",
        max_length=MAX_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 12}),
        help_text="Change, add or take out sentences. From the first that differs to the last is spoken anew.",
    )
    max_micros = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput)


class StretchForm(forms.Form):
    begin = TimeField(label="From", max_length=12, help_text="Minutes and seconds, like 1:05.")
    end = TimeField(label="To", max_length=12, help_text="Each is moved into a pause, if one is near.")
    sound = forms.FileField(
        label="New sound",
        help_text="What is said instead, as a sound file.",
        widget=forms.FileInput(attrs={"accept": ACCEPTS[UploadKind.VOICE]}),
    )


class _Page:
    """What was asked of the page, and what it answers."""

    def __init__(self, request: WorkspaceRequest, render: Render, voice: Upload) -> None:
        self.request, self.render, self.voice = request, render, voice
        self.script: ScriptForm | None = None
        self.stretch = StretchForm()
        self.ceiling_micros: int | None = None

    @cached_property
    def was_spoken(self) -> bool:
        return bool(self.voice.script and self.voice.sentences and speech_of(self.voice))

    def answer(self, *, bad: bool = False) -> HttpResponse:
        script = self.script or ScriptForm(initial={"script": self.voice.script})
        context = {
            "render": self.render,
            "voice": self.voice,
            "script_form": script if self.was_spoken else None,
            "stretch_form": self.stretch,
            "ceiling_micros": self.ceiling_micros,
        }
        return show(self.request, "studio/video_change.html", context, status=422 if bad else 200)

    def say(self) -> HttpResponse:
        """Have the new words spoken, once what that costs has been seen."""
        self.script = form = ScriptForm(self.request.POST)
        if not form.is_valid():
            return self.answer(bad=True)
        try:
            change = change_of(self.voice, form.cleaned_data["script"])
            if not change.text:
                return self.to_maker(with_words(self.voice, change, None, self.request.user))
            wish = wish_of(self.voice, change, self.request.user)
            plan = plan_speech(wish)
            if plan.ceiling_micros > (form.cleaned_data["max_micros"] or 0):
                self.ceiling_micros = plan.ceiling_micros
                self.script = ScriptForm(initial=form.cleaned_data | {"max_micros": plan.ceiling_micros})
                return self.answer()
            speech = speak(wish, budgets=scopes_of(self.render.project, self.request.user), plan=plan)
        except DomainError as refusal:
            form.add_error("script" if refusal.field == "script" else None, str(refusal))
            return self.answer(bad=True)
        asked = urlencode({"speech": speech.pk, "first": change.first, "last": change.last})
        return redirect(f"{self.request.path}?{asked}")

    def replace(self) -> HttpResponse:
        self.stretch = form = StretchForm(self.request.POST, self.request.FILES)
        if form.is_valid():
            values = form.cleaned_data
            try:
                made = with_sound(self.voice, values["sound"], values["begin"], values["end"], self.request.user)
                return self.to_maker(made)
            except DomainError as refusal:
                form.add_error("end" if refusal.field == "stretch" else "sound", str(refusal))
        return self.answer(bad=True)

    def wait(self, speech: Speech) -> HttpResponse:
        """The page that looks again by itself until the words are spoken."""
        context = {"render": self.render, "speech": speech, "poll_seconds": POLL_SECONDS}
        if self.request.method != "POST" or speech.state == SpeechState.SPEAKING:
            return show(self.request, "studio/video_change_spoken.html", context)
        if speech.upload is None:
            return show(self.request, "studio/video_change_spoken.html", context, status=409)
        first, last = (word(self.request.GET, name) for name in ("first", "last"))
        if not (first.isdecimal() and last.isdecimal()):
            raise Http404
        change = Change(int(first), int(last), speech.script)
        return self.to_maker(with_words(self.voice, change, speech.upload, self.request.user))

    def to_maker(self, voice: Upload) -> HttpResponse:
        page = reverse("video_new", kwargs={"workspace": self.request.workspace.slug})
        address = f"{page}?{urlencode({'again': self.render.pk, 'voice': voice.pk})}"
        if "HX-Request" in self.request.headers:
            return HttpResponseClientRedirect(address)
        return redirect(address)


@workspace_view(Action.VIEW, post=Action.RENDER)
def video_change(request: WorkspaceRequest, render: str) -> HttpResponse:
    found = Render.objects.for_workspace(request.workspace).select_related("voice", "project")
    one = get_object_or_404(found, pk=render)
    if one.voice is None:
        raise Http404
    page = _Page(request, one, one.voice)
    if asked := word(request.GET, "speech"):
        return page.wait(get_object_or_404(Speech.objects.for_workspace(request.workspace), pk=asked))
    if request.method != "POST":
        return page.answer()
    return page.replace() if "begin" in request.POST else page.say()
