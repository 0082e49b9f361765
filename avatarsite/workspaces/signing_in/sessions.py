"""Sessions of people: which browsers they are signed in with, ended one by one, and forgotten once they have ended."""

from __future__ import annotations

from allauth.usersessions.models import UserSession
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from ua_parser import parse

from avatarsite.workspaces.models import User


def browser(user_agent: str) -> str:
    """``Firefox on Windows``."""
    found = parse(user_agent)
    names = [part.family for part in (found.user_agent, found.os) if part]
    return " on ".join(names) or "A program"


def end_session(user: User, pk: int) -> None:
    """Sign one browser of theirs out. Twice is once."""
    for session in UserSession.objects.filter(user=user, pk=pk):
        session.end()


def forget_ended() -> None:
    """Delete the sessions that have expired, and the lines of those that are gone."""
    SessionStore.clear_expired()
    alive = Session.objects.filter(session_key=OuterRef("session_key"))
    UserSession.objects.filter(~Exists(alive)).delete()
