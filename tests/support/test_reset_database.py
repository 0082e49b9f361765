"""What a test with ``transaction=True`` leaves to the next one in its process."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.test import TransactionTestCase
from waffle.models import Switch

from avatarsite.service.switches import NEW_VIDEOS, TOP_UPS
from tests.support.reset_database import empty_database


def rows() -> dict[str, int]:
    every = {model._meta.label: model._default_manager.count() for model in apps.get_models()}
    return {label: count for label, count in every.items() if count}


@pytest.mark.django_db(transaction=True)
def test_the_next_test_finds_what_migrating_makes(request: pytest.FixtureRequest) -> None:
    migrated = rows()
    request.getfixturevalue("cast")
    Switch.objects.filter(name=NEW_VIDEOS).update(active=False)
    Switch.objects.filter(name=TOP_UPS).delete()
    assert rows() != migrated

    empty_database(TransactionTestCase())
    assert rows() == migrated
    assert list(Switch.objects.filter(active=True).values_list("name", flat=True).order_by("name")) == [
        *("new_videos", "sign_up", "top_ups"),
    ]
