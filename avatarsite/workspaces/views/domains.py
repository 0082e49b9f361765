"""Mail domains on their page, for owners alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps

from django.contrib import messages
from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from avatarsite.workspaces.access import Action
from avatarsite.workspaces.decorators import WorkspaceRequest, workspace_view
from avatarsite.workspaces.domains import domains as rows
from avatarsite.workspaces.domains.records import LABEL
from avatarsite.workspaces.errors import NotAllowed, WorkspaceError
from avatarsite.workspaces.forms import DomainForm
from avatarsite.workspaces.models import JOINING_ROLES, MailDomain, Role
from avatarsite.workspaces.views.confirm import confirm

Act = Callable[[WorkspaceRequest, MailDomain], str]


def domain_action(act: Act) -> Callable[..., HttpResponseBase]:
    """A button of the page: one thing is done to one domain, and a sentence says so or why not."""

    @workspace_view(Action.MANAGE_OWNERS)
    @require_POST
    @wraps(act)
    def pressed(request: WorkspaceRequest, row: int) -> HttpResponseBase:
        try:
            messages.success(request, act(request, _domain(request, row)))
        except NotAllowed:
            raise
        except WorkspaceError as refused:
            messages.error(request, refused.sentence)
        return redirect("domains", workspace=request.workspace.slug)

    return pressed


@workspace_view(Action.MANAGE_OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def domains(request: WorkspaceRequest) -> HttpResponseBase:
    """The domains; posting adds one."""
    form = DomainForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            rows.add_domain(request.member, form.cleaned_data["name"], Role(form.cleaned_data["role"]))
        except NotAllowed:
            raise
        except WorkspaceError as refused:
            form.add_error("name", refused.sentence)
        else:
            return redirect("domains", workspace=request.workspace.slug)
    return _page(request, form)


@domain_action
def prove(request: WorkspaceRequest, domain: MailDomain) -> str:
    rows.prove(request.member, domain)
    return f"{domain.name} is yours. Who signs in with a confirmed address of it joins as {domain.as_role()}."


@domain_action
def change_role(request: WorkspaceRequest, domain: MailDomain) -> str:
    role = request.POST.get("role", "")
    if role not in dict(JOINING_ROLES):
        raise WorkspaceError("Choose one of the roles that are offered.")
    rows.set_role(request.member, domain, Role(role))
    return f"New people of {domain.name} are {Role(role).in_a_sentence()} from now on. Who is here stays as is."


@workspace_view(Action.MANAGE_OWNERS)
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: WorkspaceRequest, row: int) -> HttpResponseBase:
    """What it ends, first; then the deed."""
    domain = _domain(request, row)
    if request.method != "POST":
        return confirm(
            request,
            f"Remove {domain.name}?",
            "It lets nobody in any more; who came by it stays. To have it again you prove it by another record.",
            deed="Remove",
            keep=reverse("domains", kwargs={"workspace": request.workspace.slug}),
        )
    rows.remove_domain(request.member, domain)
    messages.success(request, f"{domain.name} lets nobody in any more. Who came by it stays.")
    return redirect("domains", workspace=request.workspace.slug)


def _domain(request: WorkspaceRequest, row: int) -> MailDomain:
    return get_object_or_404(MailDomain, pk=row, workspace=request.workspace)


def _page(request: WorkspaceRequest, form: DomainForm) -> HttpResponse:
    context = {"form": form, "domains": rows.domains_of(request.workspace), "record": LABEL, "roles": JOINING_ROLES}
    return render(request, "workspaces/domains.html", context, status=422 if form.errors else 200)
