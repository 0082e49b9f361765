"""Person and session of a request: what each request of somebody signed in asks, by queries that are compiled once."""

from __future__ import annotations

from typing import Any

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from avatarsite.db.compiled import Compiled
from avatarsite.workspaces.models import User

_person = Compiled(User, lambda pk: User.objects.filter(pk=pk))
_session = Compiled(Session, lambda key: Session.objects.filter(session_key=key))


class SignedIn(AuthenticationBackend):  # type: ignore[misc]  # allauth has no types
    def get_user(self, user_id: int) -> User | None:
        user = next(_person(pk=user_id), None)
        return user if user and self.user_can_authenticate(user) else None


class SessionStore(db.SessionStore):
    def load(self) -> dict[str, Any]:
        """What there is not, or not any more, is Django's to say."""
        found = next(_session(key=self.session_key or ""), None)
        if found is None or found.expire_date <= timezone.now():
            return super().load()
        return self.decode(found.session_data)
