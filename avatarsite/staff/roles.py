"""Roles of staff: groups that are always there, with the permissions that this table gives them at each migrate.

They are made anew each time, so that what the table says is so. Whoever needs anything else gets a group of its own.
"""

from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.auth.management import create_permissions
from django.contrib.auth.models import Group, Permission
from django.db.models import Q

SUPPORT, MONEY, ADMIN = "support", "money", "admin"
# Whose rows staff work with. Sign-in's own (second factors, sessions) and who else is staff are a superuser's.
ROOMS = (
    *(
        "account",
        "api",
        "audit",
        "billing",
        "gateway",
        "inbox",
        "legal",
        "lifecycle",
        "mail",
        "misuse",
        "outbox",
        "site",
        "staff",
        "studio",
    ),
    *("waffle", "workspaces"),
)
BOOKS = Q(codename="view_books")
SEES = Q(codename__startswith="view_") & ~Q(codename="view_as_customer") & ~BOOKS
NOTES = Q(codename="add_staffnote")
REPORTS = Q(codename="change_misusereport")
VIEWS_AS = Q(codename="view_as_customer")
# Granting credit and giving a charge back are one permission; so are refunding and deciding on a top-up each one.
MOVES_MONEY = Q(codename__in=["grant_credit", "refund_topup", "review_topup", "change_ledgeraccount"])
ALLOWED: dict[str, Q] = {
    SUPPORT: SEES | NOTES | VIEWS_AS | REPORTS,
    MONEY: SEES | NOTES | BOOKS | MOVES_MONEY,
    ADMIN: ~Q(pk=None),
}


def give_permissions(app_config: AppConfig, using: str, **_: Any) -> None:
    """After an app is migrated: its permissions to the groups. Safe to repeat."""
    if app_config.label not in ROOMS:
        return
    for needed in ("contenttypes", "auth"):
        create_permissions(apps.get_app_config(needed), verbosity=0, using=using)
    create_permissions(app_config, verbosity=0, using=using)
    theirs = Permission.objects.using(using).filter(content_type__app_label=app_config.label)
    for name, allowed in ALLOWED.items():
        group = Group.objects.using(using).get_or_create(name=name)[0]
        wanted = set(theirs.filter(allowed).values_list("pk", flat=True))
        given = set(group.permissions.filter(pk__in=theirs).values_list("pk", flat=True))
        group.permissions.remove(*(given - wanted))
        group.permissions.add(*(wanted - given))
