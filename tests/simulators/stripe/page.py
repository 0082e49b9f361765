"""The pages that Stripe shows to a customer: payment, portal, invoice and receipt, plain and in a few lines."""

from __future__ import annotations

from html import escape
from pathlib import Path

from aiohttp import web

from tests.simulators.stripe import checkout, payments
from tests.simulators.stripe.cards import CARDS, DECLINED, GOOD, detach
from tests.simulators.stripe.errors import Refusal
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World

STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
NOTE = "This page stands in for Stripe. No card is charged and nothing leaves this machine."
BEHAVIOURS = {
    "good": "works",
    "declined": "is declined",
    "fails_later": "can be saved, but is never charged",
    "authenticate": "asks for authentication each time",
    "authenticate_unless_saved": "asks for authentication once",
    "disputed": "works, and is disputed at once",
    "refund_pending": "works; its refunds take time",
    "refund_fails": "works; its refunds fail later",
}


def dollars(cents: int | None) -> str:
    return f"${(cents or 0) / 100:,.2f}"


def row(left: str, right: str) -> str:
    return f"<tr><td>{left}</td><td>{right}</td></tr>"


def button(action: str, words: str, *, is_main: bool = False) -> str:
    return f"<button {'class=main ' if is_main else ''}name=action value={action}>{words}</button>"


def html(title: str, inside: str, status: int = 200) -> web.Response:
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{escape(title)}</title>"
    body = f"<main><p class=note>{NOTE}</p>{inside}</main>"
    text = f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body>{body}</body></html>"
    return web.Response(text=text, content_type="text/html", status=status, headers={"Cache-Control": "no-store"})


def nothing_here() -> web.Response:
    return html("Not found", "<h1>Not found</h1><p>There is no such page.</p>", 404)


def card_option(number: str) -> str:
    card = CARDS[number]
    spaced = " ".join(number[start : start + 4] for start in range(0, 16, 4))
    why = f" ({card.decline_code or card.code})" if card.behaviour == "declined" else ""
    return f"<option value={number}>{spaced}: {BEHAVIOURS[card.behaviour]}{why}</option>"


class Pages:
    def __init__(self, world: World) -> None:
        self._world = world

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get("/pay/{id}", self.show)
        app.router.add_post("/pay/{id}", self.act)
        app.router.add_get("/authenticate/{id}", self.bank)
        app.router.add_post("/authenticate/{id}", self.answer_bank)
        app.router.add_get("/portal/{id}", self.portal)
        app.router.add_post("/portal/{id}/cards/{card}/remove", self.remove_card)
        app.router.add_get("/invoices/{id}", self.invoice)
        app.router.add_get("/invoices/{id}/pdf", self.invoice)
        app.router.add_get("/receipts/{id}", self.receipt)

    # --- Payment

    async def show(self, request: web.Request) -> web.Response:
        session = self._world.tables["checkout.session"].get(request.match_info["id"])
        if session is None:
            return nothing_here()
        if session["status"] != "open":
            return html("Over", f"<h1>This page is over</h1><p>The session is {session['status']}.</p>", 410)
        return self._form(session)

    def _form(self, session: Body, error: str = "") -> web.Response:
        is_setup = session["mode"] == "setup"
        lines = "".join(
            row(escape(str(line["description"] or "Item")), dollars(line["amount_total"]))
            for line in self._world.kept.line_items.get(session["id"], [])
        )
        buttons = button("pay", "Save the card" if is_setup else "Pay", is_main=True)
        if not is_setup:
            buttons += button("later", "Pay later by bank debit") + button("fail", "Let the card be declined")
        if session["cancel_url"]:
            buttons += button("cancel", "Cancel and go back")
        title = "Save a card" if is_setup else dollars(session["amount_total"])
        said = f"<p class=error role=alert>{escape(error)}</p>" if error else ""
        cards = "".join(map(card_option, CARDS))
        return html(
            "Save a card" if is_setup else "Pay",
            f"<h1>{title}</h1><table>{lines}</table>{said}<form method=post><label for=number>Test card</label>"
            f"<select name=number id=number>{cards}</select>{buttons}</form>",
            402 if error else 200,
        )

    async def act(self, request: web.Request) -> web.StreamResponse:
        session = self._world.tables["checkout.session"].get(request.match_info["id"])
        if session is None:
            return nothing_here()
        form = await request.post()
        action, number = str(form.get("action", "pay")), str(form.get("number", GOOD)).replace(" ", "")
        if action == "cancel" and session["cancel_url"]:
            return web.HTTPSeeOther(session["cancel_url"])
        if action == "refuse":
            return self._form(session, "You did not authenticate the payment.")
        number = DECLINED if action == "fail" else number
        try:
            done = checkout.pay(
                self._world, session, number=number, bank=action == "later", authenticated=action == "authenticate"
            )
        except Refusal as refusal:
            return self._form(session, refusal.error["message"])
        except checkout.PageError as error:
            return html("Over", f"<h1>That did not work</h1><p>{escape(str(error))}</p>", 410)
        if done == "authenticate":
            return self._authentication(number)
        return web.HTTPSeeOther(session["success_url"].replace("{CHECKOUT_SESSION_ID}", session["id"]))

    def _authentication(self, number: str = "") -> web.Response:
        buttons = button("authenticate", "Yes, it is me", is_main=True) + button("refuse", "No")
        hidden = f"<input type=hidden name=number value={number}>" if number else ""
        inside = f"<h1>Your bank asks</h1><p>Is it you who pays?</p><form method=post>{hidden}{buttons}</form>"
        return html("Authenticate", inside)

    async def bank(self, request: web.Request) -> web.Response:
        """Where a confirmation leads whose bank wants to see the cardholder."""
        return self._authentication() if self._intent(request) else nothing_here()

    async def answer_bank(self, request: web.Request) -> web.StreamResponse:
        intent, form = self._intent(request), await request.post()
        if intent is None:
            return nothing_here()
        try:
            back = payments.answer_bank(self._world, intent, is_me=form.get("action") == "authenticate")
        except ValueError as error:
            return html("Over", f"<h1>That did not work</h1><p>{escape(str(error))}</p>", 410)
        return web.HTTPSeeOther(back)

    def _intent(self, request: web.Request) -> Body | None:
        return self._world.tables["payment_intent"].get(request.match_info["id"])

    # --- What a customer looks at

    async def portal(self, request: web.Request) -> web.Response:
        session = self._world.tables["billing_portal.session"].get(request.match_info["id"])
        if session is None:
            return nothing_here()
        here = f"/portal/{session['id']}"
        cards = "".join(
            row(
                f"{one['card']['brand']} ···· {one['card']['last4']}",
                f"<form method=post action='{here}/cards/{one['id']}/remove'><button>Remove</button></form>",
            )
            for one in self._world.newest_first("payment_method")
            if one["customer"] == session["customer"] and one["type"] == "card"
        )
        invoices = "".join(
            row(f"<a href='{one['hosted_invoice_url']}'>{one['number']}</a>", dollars(one["total"]))
            for one in self._world.newest_first("invoice")
            if one["customer"] == session["customer"]
        )
        back = f"<a class=button href='{escape(session['return_url'])}'>Go back</a>" if session["return_url"] else ""
        return html(
            "Billing",
            f"<h1>Billing</h1><h2>Cards</h2><table>{cards}</table><h2>Invoices</h2><table>{invoices}</table>{back}",
        )

    async def remove_card(self, request: web.Request) -> web.StreamResponse:
        session = self._world.get("billing_portal.session", request.match_info["id"])
        method = self._world.get("payment_method", request.match_info["card"])
        if method["customer"] == session["customer"]:
            detach(self._world, Call({}, method["id"]))
        return web.HTTPSeeOther(f"/portal/{session['id']}")

    async def invoice(self, request: web.Request) -> web.Response:
        invoice = self._world.tables["invoice"].get(request.match_info["id"])
        if invoice is None:
            return nothing_here()
        lines = "".join(
            row(escape(str(line["description"])), dollars(line["amount_total"])) for line in invoice["lines"]["data"]
        )
        total = row("Total", dollars(invoice["total"]))
        return html(invoice["number"], f"<h1>Invoice {invoice['number']}</h1><table>{lines}{total}</table>")

    async def receipt(self, request: web.Request) -> web.Response:
        charge = self._world.tables["charge"].get(request.match_info["id"])
        if charge is None:
            return nothing_here()
        return html("Receipt", f"<h1>Receipt</h1><p>{dollars(charge['amount'])} was paid.</p>")
