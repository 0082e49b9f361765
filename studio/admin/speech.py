"""Speeches and pronunciations on the desk: what was spoken for whom, by whom, and what became of it."""

from __future__ import annotations

from django.contrib import admin

from avatarsite.admin.base import ModelAdmin, TabularInline, Work
from avatarsite.admin.read_only import ReadOnly, customer
from studio.models import Pronunciation, Speech, SpeechPart


class PartsOfSpeech(ReadOnly, TabularInline[SpeechPart, Speech]):
    model = SpeechPart
    fields = ("number", "attempt", "outcome", "provider_job_id", "sent_at", "done_at", "failure_code")
    readonly_fields = fields


@admin.register(Speech)
class SpeechAdmin(ReadOnly, ModelAdmin[Speech]):
    work = Work.CUSTOMERS
    place = 75
    list_display = ("id", "workspace", "speaker", "state", "charge_micros", "failure_code", "created_at")
    list_filter = ("state",)
    list_select_related = ("workspace",)
    search_fields = ("id", *customer())
    inlines = (PartsOfSpeech,)


@admin.register(Pronunciation)
class PronunciationAdmin(ReadOnly, ModelAdmin[Pronunciation]):
    work = Work.CUSTOMERS
    place = 76
    list_display = ("word", "said", "workspace", "created_at")
    list_select_related = ("workspace",)
    search_fields = ("word", *customer())
