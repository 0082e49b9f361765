"""SAML sign-in: what allauth's views leave open, at their own addresses and before them."""

from __future__ import annotations

import logging

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.providers.saml.views import finish_acs
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.urls import path
from lxml.etree import LxmlError

log = logging.getLogger(__name__)


def finish(request: HttpRequest, organization_slug: str) -> HttpResponseBase:
    """The company's answer. One that can't be read, and one that comes twice or unasked, end on the page of errors."""
    try:
        answer: HttpResponseBase = finish_acs(request, organization_slug=organization_slug)
    except (LxmlError, PermissionDenied, ValueError) as error:
        log.warning("A SAML answer was refused: %s", type(error).__name__)
        provider = get_adapter(request).get_provider(request, "saml")
        answer = render_authentication_error(request, provider, exception=error)
    return answer


def sign_out(request: HttpRequest, organization_slug: str) -> HttpResponseBase:  # noqa: ARG001 -- the route names both
    """Not there: nobody signs in for signing out, so a request for it could come from any page."""
    raise Http404


urlpatterns = [
    path("<slug:organization_slug>/acs/finish/", finish, name="saml_finish_acs"),
    path("<slug:organization_slug>/sls/", sign_out, name="saml_sls"),
]
