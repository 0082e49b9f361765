"""Two people at the same button in the same moment. Real processes and files, for SQLite in memory has no races."""

from __future__ import annotations

import json

import pytest

from tests.support.sites import fresh_site

pytestmark = [pytest.mark.process, pytest.mark.xdist_group("races")]

ROUNDS = 6
Races = dict[str, list[object]]


@pytest.fixture(scope="module")
def races(tmp_path_factory: pytest.TempPathFactory) -> Races:
    """What came of each round of each race: the outcomes of both, sorted, and a count of rows."""
    with fresh_site(tmp_path_factory.mktemp("races")) as site:
        found: Races = json.loads(site.python("-m", "tests.avatarsite.workspaces.races").stdout)
    return found


@pytest.mark.parametrize("name", ["two_owners_leave", "two_owners_step_down"])
def test_of_two_last_owners_one_stays(races: Races, name: str) -> None:
    assert races[name] == [[["LastOwner", "done"], 1]] * ROUNDS


def test_of_two_owners_who_remove_each_other_one_stays(races: Races) -> None:
    assert races["two_owners_remove_each_other"] == [[["NotAMember", "done"], 1]] * ROUNDS


def test_an_invitation_is_accepted_once(races: Races) -> None:
    assert races["one_invitation_is_accepted_twice"] == [[["InvitationUsed", "done"], 1]] * ROUNDS


def test_an_invitation_is_accepted_or_revoked_and_never_both(races: Races) -> None:
    assert races["one_is_revoked_while_it_is_accepted"] == [[["Invitation", "done"], 1]] * ROUNDS


def test_an_address_is_invited_once(races: Races) -> None:
    assert races["one_address_is_invited_twice"] == [[["AlreadyInvited", "done"], 1]] * ROUNDS


def test_one_name_makes_two_workspaces_with_two_slugs(races: Races) -> None:
    assert races["one_name_makes_two_workspaces"] == [[["done", "done"], 2]] * ROUNDS
