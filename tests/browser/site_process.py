"""Who lives on the site before a browser comes, made and asked about through the domain.

``python -m tests.browser.site_process`` is a process of the site that answers calls of the functions below: a line of
JSON in, a line of JSON out.
"""

from __future__ import annotations

import base64
import json
import sys
import time
import traceback
from datetime import timedelta
from io import BytesIO
from typing import Any

import django

django.setup()

from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes  # noqa: E402
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret  # noqa: E402
from django.conf import settings  # noqa: E402
from django.contrib.auth.hashers import make_password  # noqa: E402
from django.contrib.auth.models import Group  # noqa: E402
from django.contrib.sessions.models import Session  # noqa: E402
from django.core.files.base import ContentFile  # noqa: E402
from django.test import Client  # noqa: E402
from django.utils import timezone  # noqa: E402

from avatarsite.outbox.endpoints import make_endpoint, send_test  # noqa: E402
from avatarsite.outbox.events import fan_out  # noqa: E402
from avatarsite.outbox.models import Endpoint  # noqa: E402
from avatarsite.workspaces import mail_choice  # noqa: E402
from avatarsite.workspaces.domains.domains import add_domain  # noqa: E402
from avatarsite.workspaces.invitations import invitations  # noqa: E402
from avatarsite.workspaces.models import Member, Role, User, Workspace  # noqa: E402
from billing.ledger import posting  # noqa: E402
from billing.models import StripeCustomer, TopUp, TopUpState  # noqa: E402
from billing.prices import price_book  # noqa: E402
from studio.batches import make as batch_making  # noqa: E402
from studio.batches.progress import progress_of  # noqa: E402
from studio.batches.take_in import take_in  # noqa: E402
from studio.models import BatchTable, Project, Render, TableState, Upload, UploadKind  # noqa: E402
from studio.pipeline.cancel import request_cancel  # noqa: E402
from studio.pipeline.desk import sale  # noqa: E402
from studio.pipeline.request.render_request import RenderRequest  # noqa: E402
from studio.pipeline.request.take import take  # noqa: E402
from studio.projects import archive_project, change_project, create_project, project_for_new_video  # noqa: E402
from studio.uploads.add import add_upload  # noqa: E402
from studio.uploads.samples import VOICE, add_samples  # noqa: E402
from tests.browser import scenes  # noqa: E402
from tests.browser.desk import furnish_desk  # noqa: E402, F401 -- asked for by its name

PASSWORD = "correct horse battery"
CREDIT_MICROS = 5_000_000
PATIENCE_SECONDS = 120


def seed(*names: str) -> dict[str, str]:
    """The price book, and each name's workspace: an owner with credit, and nothing else."""
    price_book.seed_prices()
    sale.all_offers()
    # Hashing is slow on purpose, and once is enough.
    password = make_password(PASSWORD)
    return {name: _move_in(name, password).slug for name in names}


def _move_in(name: str, password: str) -> Workspace:
    user = User.objects.create_user(address_of(name), None, name=f"{name} Example")
    User.objects.filter(pk=user.pk).update(password=password)
    workspace: Workspace = user.workspaces.get()
    posting.grant(workspace, CREDIT_MICROS, key=f"browser:{name}", reason="A welcome gift")
    return workspace


def address_of(name: str) -> str:
    return f"{name.lower()}@example.org"


def ask_for(slug: str, *titles: str, until: str) -> list[dict[str, str]]:
    """One video for each title, once each has come to the state ``until``: its id, and our reference at the engine."""
    workspace = Workspace.objects.get(slug=slug)
    portrait, voice = add_samples(workspace)
    renders = [
        take(
            RenderRequest(workspace, project_for_new_video(workspace), portrait, voice, title=title),
            user=_owner(slug).user,
        )[0]
        for title in titles
    ]
    return [facts(_once(render.pk, until)) for render in renders]


def once(render_id: str, until: str) -> dict[str, Any]:
    return facts(_once(render_id, until))


def _once(render_id: str, until: str) -> Render:
    """Wait for the worker, which moves it."""
    end = time.monotonic() + PATIENCE_SECONDS
    while (render := Render.objects.get(pk=render_id)).state != until:
        assert time.monotonic() < end, f"{render_id} is {render.state}, not {until}"
        time.sleep(0.1)
    return render


def facts(render: Render) -> dict[str, Any]:
    job = render.jobs.order_by("attempt").last()
    return {
        "id": render.pk,
        "project": render.project_id,
        "reference": job.reference if job else "",
        "charge_micros": render.charge_micros,
        "measured_ms": render.measured_ms,
    }


def cancel(render_id: str) -> dict[str, Any]:
    request_cancel(Render.objects.get(pk=render_id), user=None)
    return once(render_id, "cancelled")


def furnish(slug: str, viewer: str, invited: str) -> dict[str, list[str]]:
    """A shelf with defaults, an archived one, a voice that no video uses, a second person and an invitation.

    Gives what addresses can name, by the name that the URLconf has for it.
    """
    workspace = Workspace.objects.get(slug=slug)
    portrait, _ = add_samples(workspace)
    shelf = create_project(workspace, "Onboarding")
    change_project(shelf, name=shelf.name, portrait=portrait, defaults={"prompt": "Calm.", "output_quality": 60})
    archived = create_project(workspace, "Last year")
    archive_project(archived)
    Member.objects.create(workspace=workspace, user=User.objects.get(email=address_of(viewer)), role=Role.VIEWER)
    invite(slug, invited, Role.ADMIN)
    add_domain(_owner(slug), "acme.example", Role.MEMBER)
    with VOICE.open("rb") as sound:
        content = ContentFile(sound.read() + b"\0", name="Take 2.mp3")
    unused = add_upload(workspace, kind=UploadKind.VOICE, file=content, name="Take 2.mp3")
    top_ups = _top_ups(workspace)
    things = {"project": [shelf.pk, archived.pk], "upload": [unused.pk], "topup": top_ups, "table": _tables(shelf)}
    return things | _webhooks(workspace)


def _tables(project: Project) -> list[str]:
    """One that waits for a yes, with rows that can be made and rows that can't; and one that has stopped on its way."""
    text = "portrait,voice,script,title\n" + "{portrait},{voice},,For Anna\n" * 3 + "nobody.jpg,,,{{{{who}}}}\n"
    uploads = {kind.value: Upload.objects.filter(workspace=project.workspace, kind=kind)[0].pk for kind in UploadKind}
    content = text.format(**uploads).encode()
    ready, stopped = (
        take_in(project.workspace, project, BytesIO(content), name=name, user=None)
        for name in ("summer.csv", "autumn.csv")
    )
    batch_making.ask_for(stopped, ceiling_micros=progress_of(stopped).ceiling_micros, rights=True)
    BatchTable.objects.filter(pk=stopped.pk).update(state=TableState.STOPPED, why="Add $1.00.", next_try_at=None)
    return [ready.pk, stopped.pk]


def _webhooks(workspace: Workspace) -> dict[str, list[str]]:
    """An endpoint that fails, with a delivery that it has not taken yet."""
    endpoint = make_endpoint(workspace, url="https://hooks.example.com/", user=None)
    send_test(endpoint)
    fan_out(workspace.pk)
    Endpoint.objects.filter(pk=endpoint.pk).update(failures=2, dark_since=timezone.now())
    return {"endpoint": [endpoint.pk], "delivery": [endpoint.deliveries.get(event__kind="webhook.test").pk]}


def _top_ups(workspace: Workspace) -> list[str]:
    """One that the bank refused, one that it wants confirmed and one in doubt, of a Stripe that is off now."""
    customer = StripeCustomer.objects.create(workspace=workspace, livemode=False, email="", name=workspace.name)
    told = {TopUpState.FAILED: "Your card was declined.", TopUpState.NEEDS_ACTION: "", TopUpState.REVIEW: ""}
    return [
        TopUp.objects.create(
            workspace=workspace, customer=customer, amount_cents=2000, livemode=False, state=state, problem=problem
        ).pk
        for state, problem in told.items()
    ]


def invite(slug: str, address: str, role: str) -> str:
    """The token of the link."""
    return invitations.invite(_owner(slug), address, Role(role)).token


def no_more_mails(slug: str) -> str:
    """The path of the link in the owner's mails."""
    return mail_choice.no_more_link(_owner(slug).user, mail_choice.FINISHED).removeprefix(settings.SITE_URL)


def _owner(slug: str) -> Member:
    return Member.objects.select_related("user", "workspace").get(workspace__slug=slug, role=Role.OWNER)


def set_price(micros_per_second: int) -> None:
    """Of the draft engine, from now on."""
    price_book.set_price(
        "local:draft", cost_micros_per_second=1, price_micros_per_second=micros_per_second, source="a browser test"
    )


def sign_out(name: str) -> None:
    """Everywhere, as when the session has expired."""
    pk = str(User.objects.get(email=address_of(name)).pk)
    for session in Session.objects.all():
        if session.get_decoded().get("_auth_user_id") == pk:
            session.delete()


def stored_video(render_id: str) -> str:
    """Its bytes, as JSON can take them."""
    with Render.objects.get(pk=render_id).video.open("rb") as file:
        return base64.b64encode(file.read()).decode()


def purse(slug: str) -> dict[str, int]:
    balance = posting.balance(Workspace.objects.get(slug=slug))
    return {"available": balance.available_micros, "held": balance.held_micros, "posted": balance.posted_micros}


def videos_of(slug: str) -> list[str]:
    return list(Render.objects.filter(workspace__slug=slug).order_by("pk").values_list("pk", flat=True))


def cookie_of(name: str) -> str:
    """The session cookie of somebody who has signed in."""
    client = Client()
    client.force_login(User.objects.get(email=address_of(name)), backend=settings.AUTHENTICATION_BACKENDS[-1])
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def hire(name: str, role: str) -> None:
    """Somebody of staff, in the group of a role."""
    person = User.objects.create_user(address_of(name), PASSWORD, name=f"{name} Example", is_staff=True)
    person.groups.add(Group.objects.get(name=role))


def let_hang(render_id: str, hours: int) -> None:
    """As if it had been where it is for so long; no deadline is over yet."""
    Render.objects.filter(pk=render_id).update(state_since=timezone.now() - timedelta(hours=hours))


def workspace_of(slug: str) -> str:
    return str(Workspace.objects.get(slug=slug).pk)


def person_of(name: str) -> str:
    return str(User.objects.get(email=address_of(name)).pk)


def protect(name: str) -> str:
    """Switch two-factor sign-in on; gives the seed."""
    user = User.objects.get(email=address_of(name))
    secret: str = generate_totp_secret()
    TOTP.activate(user, secret)
    RecoveryCodes.activate(user)
    return secret


def answer() -> None:
    for line in sys.stdin:
        name, arguments, named = json.loads(line)
        try:
            said = {"said": (vars(scenes) | globals())[name](*arguments, **named)}
        except Exception:  # noqa: BLE001 -- the test that asked shows it
            said = {"broke": traceback.format_exc()}
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    answer()
