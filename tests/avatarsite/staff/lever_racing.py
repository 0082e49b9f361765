"""Two operators at the same lever of the admin site in the same moment, on a real database.

``python -m tests.avatarsite.staff.lever_racing`` prints, as JSON and for each round of each race, the status that each
was answered with, how many lines the audit log has of it, and how often it has had its effect.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import django

django.setup()

from django.db.models import Model  # noqa: E402
from django.test.utils import setup_test_environment  # noqa: E402
from django.urls import reverse  # noqa: E402
from django.utils import timezone  # noqa: E402
from waffle.models import Switch  # noqa: E402

from avatarsite.alerts import raise_alert  # noqa: E402
from avatarsite.audit.models import AuditEntry  # noqa: E402
from avatarsite.ids import new_id  # noqa: E402
from avatarsite.inbox.models import InboundEvent  # noqa: E402
from avatarsite.mail.messages import write_mail  # noqa: E402
from avatarsite.mail.models import MailMessage, MailState  # noqa: E402
from avatarsite.models import Alert, ServiceNotice  # noqa: E402
from avatarsite.outbox.endpoints import make_endpoint, send_test  # noqa: E402
from avatarsite.outbox.events import fan_out  # noqa: E402
from avatarsite.outbox.models import Delivery, DeliveryState  # noqa: E402
from avatarsite.service import switches  # noqa: E402
from avatarsite.workspaces.models import ApiToken, Member, Scope, Workspace  # noqa: E402
from avatarsite.workspaces.tokens import make_token  # noqa: E402
from billing.ledger.accounts import wallet  # noqa: E402
from billing.models import LedgerAccount, Price, PromotionCode  # noqa: E402
from billing.prices import price_book  # noqa: E402
from billing.prices.price_changes import PriceChange, preview_price  # noqa: E402
from billing.verify import verification  # noqa: E402
from studio.models import OfferHealth, Render, UsualRouting  # noqa: E402
from studio.pipeline.desk import sale  # noqa: E402
from tests.studio import shop  # noqa: E402
from tests.studio.pipeline.operator_racing import ROUNDS, house, press  # noqa: E402


def run(row: Model, action: str, **facts: str) -> list[int]:
    """Both choose the action for the row in its list."""
    meta = row._meta
    url = reverse(f"admin:{meta.app_label}_{meta.model_name}_changelist")
    return press(url, action=action, _selected_action=str(row.pk), **facts)


def change(row: Model, **facts: str) -> list[int]:
    """Both send the form of the row's page."""
    meta = row._meta
    return press(reverse(f"admin:{meta.app_label}_{meta.model_name}_change", args=[row.pk]), **facts)


def lines(row: Model) -> int:
    """Rows of several models have the same number, so each is known by its kind, too."""
    about = AuditEntry.objects.filter(event__startswith="staff.", target=str(row.pk))
    return about.filter(what__startswith=f"{row._meta.verbose_name} ").count()


def offer() -> OfferHealth:
    """As new, and nothing said of it."""
    row = OfferHealth(pk=f"local:{new_id('offer')}")
    row.save()
    return row


def an_offer_is_taken_off_sale() -> Any:
    row = offer()
    answers = run(row, "take_off_sale")
    row.refresh_from_db()
    return answers, lines(row), int(row.off_sale_at is not None)


def an_offer_is_put_on_sale() -> Any:
    row = offer()
    sale.take_off(row.pk, reason="A race")
    answers = run(row, "put_on_sale")
    row.refresh_from_db()
    return answers, lines(row), int(row.off_sale_at is None)


def a_circuit_is_closed() -> Any:
    row = offer()
    OfferHealth.objects.filter(pk=row.pk).update(failures=5, open_until=timezone.now() + timedelta(hours=1))
    raise_alert("offer_paused", row.pk, "It is paused.")
    answers = run(row, "close_now")
    return answers, lines(row), Alert.objects.filter(key=row.pk, closed_at__isnull=False).count()


def an_alert_is_closed() -> Any:
    alert = raise_alert("task_failed", new_id("race"), "It failed.")
    answers = press(reverse("admin:site_alert_close", args=[alert.pk]))
    alert.refresh_from_db()
    return answers, lines(alert), int(alert.closed_at is not None)


def a_notice_is_ended() -> Any:
    notice = ServiceNotice.objects.create(text="A race", starts_at=timezone.now() - timedelta(hours=1))
    answers = run(notice, "end_now")
    notice.refresh_from_db()
    return answers, lines(notice), int(notice.ends_at is not None)


def a_usual_routing_is_made() -> Any:
    workspace = house()
    url = reverse("admin:studio_usualrouting_add")
    answers = press(url, workspace=workspace.pk, routing="fastest", fallback="on")
    (row,) = UsualRouting.objects.filter(workspace=workspace)
    return answers, lines(row), 1


def a_usual_routing_is_changed() -> Any:
    row = UsualRouting.objects.create(workspace=house(), routing="cheapest", reason="A race.")
    answers = change(row, routing="fastest", fallback="on")
    row.refresh_from_db()
    return answers, lines(row), int(row.routing == "fastest")


def a_usual_routing_is_taken_away() -> Any:
    row = UsualRouting.objects.create(workspace=house(), routing="fastest", reason="A race.")
    answers = press(reverse("admin:studio_usualrouting_delete", args=[row.pk]), post="yes")
    return answers, lines(row), int(not UsualRouting.objects.filter(pk=row.pk).exists())


def a_switch_is_turned() -> Any:
    row = Switch.objects.create(name=new_id("switch"), active=True)
    answers = change(row)
    row.refresh_from_db()
    return answers, lines(row), int(not row.active)


def a_price_is_set() -> Any:
    """The second reads that the numbers have moved."""
    name = f"race:{new_id('offer')}"
    price_book.set_price(name, cost_micros_per_second=50_000, price_micros_per_second=60_000, source="Before")
    wanted = PriceChange(name, 70_000, 80_000, "The same list", derived=False)
    form = {"cost": "0.07", "price": "0.08", "source": "The same list", "confirm": "1"}
    page = reverse("admin:billing_price_new", args=[price_book.price_of(name).pk])
    answers = press(page, fingerprint=preview_price(wanted).fingerprint, **form)
    made = Price.objects.filter(offer=name, price_micros_per_second=80_000)
    return answers, sum(lines(price) for price in made), made.count()


def a_wallet_is_frozen() -> Any:
    account = wallet(house())
    answers = press(reverse("admin:billing_ledgeraccount_freeze", args=[account.pk]), act="freeze")
    return answers, lines(account), LedgerAccount.objects.filter(pk=account.pk, frozen_reason="A race.").count()


def one_form_grants_credit() -> Any:
    account = wallet(house())
    url = reverse("admin:billing_ledgeraccount_grant", args=[account.pk])
    answers = press(url, token=str(uuid.uuid4()), amount="3.00")
    return answers, lines(account), account.lots.filter(granted=3_000_000).count()


def a_promotion_is_stopped() -> Any:
    code = PromotionCode.objects.create(
        code=new_id("R")[-12:].upper(), amount_micros=10**6, reason="A race", made_by=Member.objects.all()[0].user
    )
    answers = press(reverse("admin:billing_promotioncode_stop", args=[code.pk]))
    code.refresh_from_db()
    return answers, lines(code), int(code.stopped_at is not None)


def a_workspace_goes_on() -> Any:
    workspace = house()
    Workspace.objects.filter(pk=workspace.pk).update(suspended_at=timezone.now(), suspended_reason="A race.")
    answers = press(reverse("admin:workspaces_workspace_resume", args=[workspace.pk]))
    workspace.refresh_from_db()
    return answers, lines(workspace), int(workspace.suspended_at is None)


def a_token_is_revoked() -> Any:
    workspace = house()
    token, _ = make_token(workspace, user=workspace.memberships.get().user, name="race", scopes=list(Scope))
    answers = run(token, "revoke")
    told = AuditEntry.objects.filter(event="token.revoked", target=token.pk).count()
    return answers, told, ApiToken.objects.filter(pk=token.pk, revoked_at__isnull=False).count()


def a_mail_is_sent_again() -> Any:
    write_mail(
        "alert", new_id("race"), "race@example.org", "mail/alert", {"alert": Alert.objects.all()[0], "link": "x"}
    )
    mail = MailMessage.objects.order_by("-pk")[0]
    MailMessage.objects.filter(pk=mail.pk).update(state=MailState.GIVEN_UP, next_try_at=None)
    answers = run(mail, "again")
    return answers, lines(mail), MailMessage.objects.filter(pk=mail.pk, state=MailState.WAITING).count()


def a_delivery_is_sent_again() -> Any:
    endpoint = make_endpoint(house(), url="https://hooks.example.com/", user=None)
    send_test(endpoint)
    fan_out(endpoint.workspace_id)
    delivery = Delivery.objects.get(endpoint=endpoint)
    Delivery.objects.filter(pk=delivery.pk).update(state=DeliveryState.FAILED, tries=9, next_try_at=None)
    answers = run(delivery, "send_again")
    return answers, lines(delivery), Delivery.objects.filter(pk=delivery.pk, state=DeliveryState.WAITING).count()


def an_event_is_handled_again() -> Any:
    event = InboundEvent.objects.create(source="stripe", event_id=new_id("evt"), body=b"{}", tries=9)
    answers = run(event, "handle_again")
    return answers, lines(event), InboundEvent.objects.filter(pk=event.pk, tries=0).count()


def a_render_is_asked_for_again() -> Any:
    workspace = house()
    render = shop.ready(workspace)
    answers = run(render, "retry")
    return answers, lines(render), Render.objects.filter(workspace=workspace).count() - 1


def a_render_is_cancelled() -> Any:
    render = shop.asked(house())
    answers = run(render, "cancel")
    return answers, lines(render), render.events.filter(to_state="cancelled").count()


RACES: tuple[Callable[[], Any], ...] = (
    an_offer_is_taken_off_sale,
    an_offer_is_put_on_sale,
    a_circuit_is_closed,
    an_alert_is_closed,
    a_notice_is_ended,
    a_usual_routing_is_made,
    a_usual_routing_is_changed,
    a_usual_routing_is_taken_away,
    a_switch_is_turned,
    a_price_is_set,
    a_wallet_is_frozen,
    one_form_grants_credit,
    a_promotion_is_stopped,
    a_workspace_goes_on,
    a_token_is_revoked,
    a_mail_is_sent_again,
    a_delivery_is_sent_again,
    an_event_is_handled_again,
    a_render_is_asked_for_again,
    a_render_is_cancelled,
)

if __name__ == "__main__":
    setup_test_environment()
    switches.create_missing()
    price_book.set_price(
        shop.OFFER, cost_micros_per_second=1, price_micros_per_second=shop.PRICE_MICROS, source="a race"
    )
    found = {race.__name__: [race() for _ in range(ROUNDS)] for race in RACES}
    sys.stdout.write(json.dumps({**found, "ledger": [str(finding) for finding in verification.verify()]}))
