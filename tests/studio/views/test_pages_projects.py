from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from avatarsite.workspaces.models import Workspace
from studio.models import Project
from studio.projects import (
    ProjectRefused,
    archive_project,
    change_project,
    create_project,
    project_for_new_video,
    restore_project,
)
from tests.conftest import Cast
from tests.studio import shop


@pytest.fixture
def house(cast: Cast) -> Workspace:
    return shop.open_shop(cast.workspace, dollars=50)


@pytest.fixture
def owner(cast: Cast) -> Client:
    return cast.browser(cast.alice)


def url(name: str, house: Workspace, project: Project | None = None) -> str:
    return reverse(name, kwargs={"workspace": house.slug, **({"project": project.pk} if project else {})})


def text(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_projects_show_how_many_videos_they_hold(owner: Client, house: Workspace) -> None:
    autumn, spring = create_project(house, "Autumn"), create_project(house, "Spring")
    shop.ready(house, "one", project=spring)
    shop.failed(house)  # goes to the first, Autumn
    shop.ready(house, "two", project=spring)
    rows = owner.get(url("projects", house)).context["page"].rows
    assert [(row.name, row.videos) for row in rows] == [("Spring", 2), ("Autumn", 1)]
    newest = spring.renders.order_by("-id").first()
    assert newest is not None
    assert [row.cover for row in rows] == [newest.poster.name, None]
    assert autumn.renders.count() == 1


@pytest.mark.parametrize("rows", [1, 3])
def test_the_shelves_cost_the_same_queries_for_any_number(
    owner: Client, house: Workspace, rows: int, django_assert_num_queries: Any
) -> None:
    for number in range(rows):
        shop.ready(house, project=create_project(house, f"Project {number}"))
    owner.get(url("projects", house))
    # Session, person, membership; the projects; running count and balance; workspaces of the switcher.
    with django_assert_num_queries(7):
        owner.get(url("projects", house))


def test_without_projects_the_page_teaches_what_they_are_for(owner: Client, house: Workspace) -> None:
    assert "A project keeps videos that belong together" in text(owner.get(url("projects", house)))
    assert "Nothing is archived" in text(owner.get(url("projects", house), {"archived": "1"}))


def test_a_project_can_be_made(owner: Client, house: Workspace) -> None:
    answer = owner.post(url("project_new", house), {"name": " Spring "})
    assert answer["Location"] == url("project", house, Project.objects.get(name="Spring"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "A project needs a name."),
        ("Spring", "There is a project named “Spring” already. Choose another name."),
        ("x" * 81, "The name has 81 characters; the limit is 80."),
    ],
)
def test_a_bad_name_is_refused_at_its_field(owner: Client, house: Workspace, name: str, sentence: str) -> None:
    create_project(house, "Spring")
    answer = owner.post(url("project_new", house), {"name": name})
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert Project.objects.count() == 1


def test_a_project_shows_its_own_videos_only(owner: Client, house: Workspace) -> None:
    spring, autumn = create_project(house, "Spring"), create_project(house, "Autumn")
    shop.ready(house, "Mine", project=spring)
    shop.ready(house, "Another's", project=autumn)
    rows = owner.get(url("project", house, spring)).context["page"].rows
    assert [row.title for row in rows] == ["Mine"]


@pytest.mark.parametrize("rows", [1, 3])
def test_a_project_costs_the_same_queries_for_any_length(
    owner: Client, house: Workspace, rows: int, django_assert_num_queries: Any
) -> None:
    spring = create_project(house, "Spring")
    for number in range(rows):
        shop.ready(house, f"Video {number}", project=spring)
    owner.get(url("project", house, spring))
    # Session, person, membership; the project, its videos; running count and balance; workspaces of the switcher.
    with django_assert_num_queries(8):
        owner.get(url("project", house, spring))


def test_its_settings_become_what_new_videos_start_from(owner: Client, house: Workspace) -> None:
    spring, portrait = create_project(house, "Spring"), shop.portrait_of(house)
    sent = {"name": "Summer", "portrait": portrait.pk, "prompt": "nod", "output_format": "mov", "output_quality": "95"}
    owner.post(url("project_change", house, spring), sent)
    spring.refresh_from_db()
    assert (spring.name, spring.portrait, spring.defaults) == (
        "Summer",
        portrait,
        {"prompt": "nod", "output_format": "mov"},
    )


def test_bad_settings_are_refused_and_kept_on_the_page(owner: Client, house: Workspace) -> None:
    create_project(house, "Autumn")
    spring = create_project(house, "Spring")
    sent = {"name": "Autumn", "prompt": "keep me", "output_format": "mp4", "output_quality": "200"}
    answer = owner.post(url("project_change", house, spring), sent)
    assert answer.status_code == 422
    assert "Write a whole number from 20 to 99." in text(answer)
    assert "keep me</textarea>" in answer.content.decode()
    answer = owner.post(url("project_change", house, spring), sent | {"output_quality": "90"})
    assert "There is a project named “Autumn” already." in text(answer)
    spring.refresh_from_db()
    assert (spring.name, spring.defaults) == ("Spring", {})


def test_a_portrait_of_another_workspace_is_no_choice(cast: Cast, owner: Client, house: Workspace) -> None:
    spring, his = create_project(house, "Spring"), shop.portrait_of(cast.charlie.workspaces.get())
    sent = {"name": "Spring", "portrait": his.pk, "output_format": "mp4", "output_quality": "95"}
    assert owner.post(url("project_change", house, spring), sent).status_code == 422
    spring.refresh_from_db()
    assert spring.portrait is None


def test_archiving_keeps_the_videos_and_takes_no_new_ones(owner: Client, house: Workspace) -> None:
    spring = create_project(house, "Spring")
    shop.ready(house, "Kept", project=spring)
    owner.post(url("project_archive", house, spring))
    assert owner.get(url("projects", house)).context["page"].rows == []
    archived = owner.get(url("projects", house), {"archived": "1"}).context["page"].rows
    assert [row.name for row in archived] == ["Spring"]
    page = owner.get(url("project", house, spring))
    assert [row.title for row in page.context["page"].rows] == ["Kept"]
    assert "New video here" not in text(page)
    owner.post(url("project_restore", house, spring))
    assert [row.name for row in owner.get(url("projects", house)).context["page"].rows] == ["Spring"]


@pytest.mark.parametrize("name", ["project_change", "project_archive", "project_restore"])
def test_a_viewer_may_look_at_a_project_and_not_change_it(cast: Cast, house: Workspace, name: str) -> None:
    spring, bob = create_project(house, "Spring"), cast.browser(cast.bob)
    assert bob.get(url("project", house, spring)).status_code == 200
    assert bob.post(url(name, house, spring), {"name": "Mine"}).status_code == 403
    assert bob.post(url("project_new", house), {"name": "Mine"}).status_code == 403
    assert list(Project.objects.values_list("name", "archived_at")) == [("Spring", None)]


# --- The rules behind the pages ----------------------------------------------------------------------------------


def test_a_name_is_free_again_in_another_workspace(cast: Cast, house: Workspace) -> None:
    create_project(house, "Spring")
    assert create_project(cast.charlie.workspaces.get(), "Spring").name == "Spring"
    with pytest.raises(ProjectRefused) as refused:
        create_project(house, "Spring ")
    assert refused.value.field == "name"


def test_a_taken_name_leaves_the_project_as_it_was(house: Workspace) -> None:
    create_project(house, "Autumn")
    spring = create_project(house, "Spring")
    with pytest.raises(ProjectRefused):
        change_project(spring, name="Autumn", portrait=None, defaults={"prompt": "x"})
    spring.refresh_from_db()
    assert (spring.name, spring.defaults) == ("Spring", {})


def test_a_new_video_goes_to_the_first_open_project_and_never_to_a_new_one_by_itself(house: Workspace) -> None:
    first = project_for_new_video(house)
    assert (first.name, project_for_new_video(house)) == ("First project", first)
    second = create_project(house, "Second")
    assert project_for_new_video(house) == first
    archive_project(first)
    assert project_for_new_video(house) == second
    archive_project(second)
    third = project_for_new_video(house)
    assert (third.name, third.archived_at) == ("Project 2", None)
    restore_project(first)
    assert project_for_new_video(house) == first


def test_archiving_twice_keeps_the_first_moment(house: Workspace) -> None:
    project = create_project(house, "Spring")
    archive_project(project)
    moment = project.archived_at
    archive_project(project)
    assert project.archived_at == moment
