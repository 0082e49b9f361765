"""Authentication: a token of a workspace, as ``Authorization: Bearer …``. No cookie opens the API."""

from __future__ import annotations

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from avatarsite.workspaces.access import demand_of_token
from avatarsite.workspaces.models import ApiToken
from avatarsite.workspaces.tokens import token_of

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
REALM = 'Bearer realm="api"'
# One sentence for unknown, revoked and expired alike: which it was is nobody's business but the owner's.
REFUSED = "This token is not valid. It may have expired or been revoked; make another in the dashboard."


class BearerToken(BaseAuthentication):
    def authenticate(self, request: Request) -> tuple[ApiToken, ApiToken] | None:
        scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            return None
        token = token_of(secret.strip())
        if token is None:
            raise AuthenticationFailed(REFUSED)
        return token, token

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002 -- DRF's signature
        return REALM


class MayDoThis(BasePermission):
    """By the view's ``reads`` and ``writes``: any one of the actions is enough."""

    def has_permission(self, request: Request, view: object) -> bool:
        if not isinstance(request.auth, ApiToken):
            return False
        wanted = getattr(view, "reads" if request.method in SAFE else "writes")
        demand_of_token(request.auth, *wanted)
        return True
