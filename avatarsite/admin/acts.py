"""A page of the admin site on which staff do something to one row, once, and say why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.admin.templatetags.admin_urls import admin_urlname
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.safestring import SafeString

from avatarsite.audit.staff import Audited


def form_page(  # noqa: PLR0913 -- they are what the template shows
    page: admin.ModelAdmin[Any],
    request: HttpRequest,
    form: forms.Form,
    *,
    title: str,
    sentences: list[str],
    act: str,
    row: models.Model,
    template: str = "admin/act.html",
    **more: Any,
) -> HttpResponse:
    """``sentences`` stand above the form, ``act`` its button; ``more`` is for a template that extends it."""
    context = {
        **page.admin_site.each_context(request),
        "title": title,
        "opts": page.opts,
        "sentences": sentences,
        "act": act,
        "row": row,
        "list_url": reverse(admin_urlname(page.opts, SafeString("changelist"))),
        "back_url": back_url(request, row),
        "form": form,
        **more,
    }
    return render(request, template, context, status=400 if form.errors else 200)


def row_url(row: models.Model) -> str:
    """Where the admin site shows the row."""
    return reverse(admin_urlname(row._meta, SafeString("change")), args=[row.pk])  # noqa: SLF001 -- as Django's own tag


def back_url(request: HttpRequest, row: models.Model) -> str:
    """Where staff came from, if that is a page of the admin site (``?back=``); else the row's page."""
    asked = request.GET.get("back", "")
    return asked if asked.startswith(reverse("admin:index")) and "//" not in asked else row_url(row)


@contextmanager
def one_at_a_time(row: models.Model) -> Iterator[None]:
    """Within the block nobody else is in one about this row: the second of two sees what the first has done."""
    with transaction.atomic():
        type(row)._base_manager.select_for_update().filter(pk=row.pk).first()  # noqa: SLF001 -- Django's own API
        yield


def acted_before(row: models.Model, token: str) -> bool:
    return LogEntry.objects.filter(object_id=row.pk, change_message__contains=token).exists()


def log_once(  # noqa: PLR0913 -- they are what is logged
    page: Audited, request: HttpRequest, row: models.Model, message: str, token: str, *, why: str = ""
) -> None:
    """The same form sent twice is one act, and so one entry."""
    if not acted_before(row, token):
        page.log_change(request, row, f"{message} ({token})", why=why)
