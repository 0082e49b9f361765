"""Sign-in with an account at a company, where ``OIDC_SERVER_URL`` or ``SAML_SSO_URL`` names its server."""

from __future__ import annotations

from typing import Any

from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from django.http import HttpRequest

from avatarsite.workspaces.create import tidy_name
from avatarsite.workspaces.models import User


class CompanyAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Names as we keep them; whether anybody may sign up is asked of the account's adapter."""

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = super().populate_user(request, sociallogin, data)
        user.name = tidy_name(data.get("name") or "", limit=120)
        return user
