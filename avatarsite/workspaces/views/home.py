from __future__ import annotations

from allauth.mfa.utils import is_mfa_enabled
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from avatarsite.workspaces.access import Action, first_page
from avatarsite.workspaces.create import create_workspace, tidy_name
from avatarsite.workspaces.decorators import PersonRequest, WorkspaceRequest, person_view, workspace_view
from avatarsite.workspaces.errors import NameMissing
from avatarsite.workspaces.forms import PersonForm, WorkspaceForm
from avatarsite.workspaces.last_seen import last_member, remember
from avatarsite.workspaces.mail_choice import CHOICES, named_by, switch_off


@person_view
@require_safe
def home(request: PersonRequest) -> HttpResponseBase:
    """To where they were last; to a first workspace if they belong to none."""
    member = last_member(request, request.user)
    return redirect(first_page(member), workspace=member.workspace.slug) if member else redirect("workspace_new")


@workspace_view(Action.BELONG)
@require_safe
def switch(request: WorkspaceRequest) -> HttpResponseBase:
    """The door has remembered the workspace; show what's in it."""
    return redirect(first_page(request.member), workspace=request.workspace.slug)


@person_view
@require_http_methods(["GET", "HEAD", "POST"])
def new_workspace(request: PersonRequest) -> HttpResponseBase:
    form = WorkspaceForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            workspace = create_workspace(request.user, form.cleaned_data["name"])
        except NameMissing as refused:
            form.add_error("name", refused.sentence)
        else:
            remember(request, workspace)
            messages.success(request, f"{workspace} is ready. You own it.")
            return redirect("videos", workspace=workspace.slug)
    context = {"form": form, "first": last_member(request, request.user) is None}
    return render(request, "workspaces/new.html", context, status=422 if form.errors else 200)


@person_view
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: PersonRequest) -> HttpResponseBase:
    form = PersonForm(request.POST or None, instance=request.user)
    if request.method == "POST" and form.is_valid():
        person = form.save(commit=False)
        person.name = tidy_name(person.name, limit=120)
        person.save(update_fields=["name", *(choice.column for choice in CHOICES.values())])
        for choice in CHOICES.values():
            if not getattr(person, choice.column):
                switch_off(person, choice)
        messages.success(request, "Saved.")
        return redirect("profile")
    context = {
        "form": form,
        "memberships": request.user.memberships.select_related("workspace").order_by("workspace__name", "pk"),
        "two_factor": is_mfa_enabled(request.user),
    }
    return render(request, "workspaces/profile.html", context, status=422 if form.errors else 200)


@csrf_exempt  # mail programs post here by themselves (RFC 8058); the address is its own permission
@require_http_methods(["GET", "HEAD", "POST"])
def mail_no_more(request: HttpRequest, token: str) -> HttpResponseBase:
    """Switches the mails of one kind off, once somebody has pressed the button."""
    named = named_by(token)
    if named is None:
        raise Http404
    person, choice = named
    if request.method == "POST":
        switch_off(person, choice)
    context = {"person": person, "choice": choice, "done": request.method == "POST"}
    return render(request, "workspaces/mail_no_more.html", context)
