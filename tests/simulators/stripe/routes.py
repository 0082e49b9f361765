"""The endpoints: which parameters they take, by the SDK's own types, who answers, and what a restricted key needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from stripe import params
from stripe.params import billing_portal as portal_params
from stripe.params import checkout as checkout_params

from tests.simulators.stripe import cards, checkout, customers, disputes, events, invoices, lists, payments, refunds
from tests.simulators.stripe.shapes import Body
from tests.simulators.stripe.world import Call, World

Handler = Callable[[World, Call], Body]


@dataclass(frozen=True)
class Route:
    method: str
    path: str
    params: type
    handler: Handler
    permission: str  # what a restricted key needs, as Stripe names it


def _listing(path: str, given: type, kind: str, permission: str) -> Route:
    def answer(world: World, call: Call) -> Body:
        return lists.page(world, kind, call, url=path)

    return Route("GET", path, given, answer, f"{permission}_read")


def _cards_of_customer(world: World, call: Call) -> Body:
    world.get("customer", call.id)
    return lists.page(
        world, "payment_method", call, url=f"/v1/customers/{call.id}/payment_methods", only={"customer": call.id}
    )


def _cards(world: World, call: Call) -> Body:
    return lists.page(world, "payment_method", call, url="/v1/payment_methods", only=cards.list_filter(call))


def _one(kind: str, world: World, call: Call) -> Body:
    return world.get(kind, call.id)


ROUTES = (
    Route("POST", "/v1/customers", params.CustomerCreateParams, customers.create, "customer_write"),
    _listing("/v1/customers", params.CustomerListParams, "customer", "customer"),
    Route("GET", "/v1/customers/{id}", params.CustomerRetrieveParams, customers.retrieve, "customer_read"),
    Route("POST", "/v1/customers/{id}", params.CustomerUpdateParams, customers.update, "customer_write"),
    Route("DELETE", "/v1/customers/{id}", params.CustomerDeleteParams, customers.delete, "customer_write"),
    Route(
        "GET",
        "/v1/customers/{id}/payment_methods",
        params.CustomerPaymentMethodListParams,
        _cards_of_customer,
        "payment_method_read",
    ),
    Route(
        "GET",
        "/v1/customers/{id}/payment_methods/{sub_id}",
        params.CustomerPaymentMethodRetrieveParams,
        cards.of_customer,
        "payment_method_read",
    ),
    Route("GET", "/v1/payment_methods", params.PaymentMethodListParams, _cards, "payment_method_read"),
    Route("GET", "/v1/payment_methods/{id}", params.PaymentMethodRetrieveParams, cards.retrieve, "payment_method_read"),
    Route(
        "POST",
        "/v1/payment_methods/{id}/attach",
        params.PaymentMethodAttachParams,
        cards.attach,
        "payment_method_write",
    ),
    Route(
        "POST",
        "/v1/payment_methods/{id}/detach",
        params.PaymentMethodDetachParams,
        cards.detach,
        "payment_method_write",
    ),
    Route(
        "POST", "/v1/checkout/sessions", checkout_params.SessionCreateParams, checkout.create, "checkout_session_write"
    ),
    _listing("/v1/checkout/sessions", checkout_params.SessionListParams, "checkout.session", "checkout_session"),
    Route(
        "GET",
        "/v1/checkout/sessions/{id}",
        checkout_params.SessionRetrieveParams,
        checkout.retrieve,
        "checkout_session_read",
    ),
    Route(
        "POST",
        "/v1/checkout/sessions/{id}",
        checkout_params.SessionUpdateParams,
        checkout.update,
        "checkout_session_write",
    ),
    Route(
        "POST",
        "/v1/checkout/sessions/{id}/expire",
        checkout_params.SessionExpireParams,
        checkout.expire,
        "checkout_session_write",
    ),
    Route(
        "GET",
        "/v1/checkout/sessions/{id}/line_items",
        checkout_params.SessionLineItemListParams,
        checkout.line_items,
        "checkout_session_read",
    ),
    Route("POST", "/v1/payment_intents", params.PaymentIntentCreateParams, payments.create, "payment_intent_write"),
    _listing("/v1/payment_intents", params.PaymentIntentListParams, "payment_intent", "payment_intent"),
    Route(
        "GET", "/v1/payment_intents/{id}", params.PaymentIntentRetrieveParams, payments.retrieve, "payment_intent_read"
    ),
    Route(
        "POST", "/v1/payment_intents/{id}", params.PaymentIntentUpdateParams, payments.update, "payment_intent_write"
    ),
    Route(
        "POST",
        "/v1/payment_intents/{id}/confirm",
        params.PaymentIntentConfirmParams,
        payments.confirm,
        "payment_intent_write",
    ),
    Route(
        "POST",
        "/v1/payment_intents/{id}/cancel",
        params.PaymentIntentCancelParams,
        payments.cancel,
        "payment_intent_write",
    ),
    _listing("/v1/charges", params.ChargeListParams, "charge", "charge"),
    Route("GET", "/v1/charges/{id}", params.ChargeRetrieveParams, partial(_one, "charge"), "charge_read"),
    Route("POST", "/v1/refunds", params.RefundCreateParams, refunds.create, "charge_write"),
    _listing("/v1/refunds", params.RefundListParams, "refund", "charge"),
    Route("GET", "/v1/refunds/{id}", params.RefundRetrieveParams, refunds.retrieve, "charge_read"),
    Route("POST", "/v1/refunds/{id}", params.RefundUpdateParams, refunds.update, "charge_write"),
    _listing("/v1/disputes", params.DisputeListParams, "dispute", "dispute"),
    Route("GET", "/v1/disputes/{id}", params.DisputeRetrieveParams, disputes.retrieve, "dispute_read"),
    Route("POST", "/v1/disputes/{id}", params.DisputeUpdateParams, disputes.update, "dispute_write"),
    Route("POST", "/v1/disputes/{id}/close", params.DisputeCloseParams, disputes.accept, "dispute_write"),
    _listing(
        "/v1/balance_transactions",
        params.BalanceTransactionListParams,
        "balance_transaction",
        "balance_transaction_source",
    ),
    Route(
        "GET",
        "/v1/balance_transactions/{id}",
        params.BalanceTransactionRetrieveParams,
        partial(_one, "balance_transaction"),
        "balance_transaction_source_read",
    ),
    _listing("/v1/invoices", params.InvoiceListParams, "invoice", "invoice"),
    Route("GET", "/v1/invoices/{id}", params.InvoiceRetrieveParams, invoices.retrieve, "invoice_read"),
    _listing("/v1/setup_intents", params.SetupIntentListParams, "setup_intent", "setup_intent"),
    Route("GET", "/v1/setup_intents/{id}", params.SetupIntentRetrieveParams, cards.retrieve_setup, "setup_intent_read"),
    Route(
        "POST",
        "/v1/billing_portal/sessions",
        portal_params.SessionCreateParams,
        customers.open_portal,
        "customer_portal_write",
    ),
    Route("GET", "/v1/events", params.EventListParams, events.page, "event_read"),
    Route("GET", "/v1/events/{id}", params.EventRetrieveParams, partial(_one, "event"), "event_read"),
)
