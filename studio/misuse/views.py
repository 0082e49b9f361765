"""The page on which anybody reports a video of ours, without signing in."""

from __future__ import annotations

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.shortcuts import render as show
from django.urls import path
from django.views.decorators.http import require_http_methods, require_safe

from avatarsite.audit.actor import current
from avatarsite.errors import DomainError
from avatarsite.mail.messages import absolute
from studio.misuse.models import MAX_ADDRESS, MAX_WORDS, Complaint
from studio.misuse.reports import TooManyReports, take_report


class ReportForm(forms.Form):
    """``website`` is for programs alone: nobody sees it, and who fills it in is answered and not heard."""

    address = forms.CharField(
        label="Link to the video",
        max_length=MAX_ADDRESS,
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Paste the link under which you saw the video."},
    )
    complaint = forms.ChoiceField(
        label="What is wrong with it",
        choices=Complaint.choices,
        widget=forms.RadioSelect,
        error_messages=dict.fromkeys(("required", "invalid_choice"), "Choose what is wrong with it."),
    )
    words = forms.CharField(
        label="What we should know",
        required=False,
        max_length=MAX_WORDS,
        widget=forms.Textarea(attrs={"rows": 4, "dir": "auto"}),
    )
    email = forms.EmailField(
        label="Your e-mail address",
        required=False,
        help_text="For a confirmation, and to tell you what was decided. The video’s owner does not get it.",
    )
    website = forms.CharField(required=False, widget=forms.TextInput(attrs={"tabindex": "-1", "autocomplete": "off"}))


@require_http_methods(["GET", "HEAD", "POST"])
def report(request: HttpRequest) -> HttpResponse:
    form = ReportForm(request.POST if request.method == "POST" else None, initial={"address": request.GET.get("about")})
    status = 422 if form.errors else 200
    if form.is_valid():
        if form.cleaned_data["website"] or _taken(request, form):
            return redirect("misuse_sent")
        status = 429 if form.has_error(NON_FIELD_ERRORS, "rate_limited") else 422
    return show(request, "misuse/report.html", {"form": form}, status=status)


@require_safe
def sent(request: HttpRequest) -> HttpResponse:
    return show(request, "misuse/sent.html")


def _taken(request: HttpRequest, form: ReportForm) -> bool:
    said = form.cleaned_data
    try:
        take_report(
            address=said["address"],
            complaint=Complaint(said["complaint"]),
            words=said["words"],
            email=said["email"],
            site=absolute(request, "/"),
            sent_from=current().address,
        )
    except DomainError as refusal:
        code = refusal.code if isinstance(refusal, TooManyReports) else None
        form.add_error(refusal.field or None, forms.ValidationError(str(refusal), code=code))
        return False
    return True


urlpatterns = [
    path("report/", report, name="misuse_report"),
    path("report/sent/", sent, name="misuse_sent"),
]
