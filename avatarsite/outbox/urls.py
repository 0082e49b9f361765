"""Routes of the webhook pages, below /w/<slug>/."""

from __future__ import annotations

from django.urls import path

from avatarsite.outbox import views

_ONE = "developers/webhooks/<slug:endpoint>/"
_DELIVERY = f"{_ONE}deliveries/<slug:delivery>/"

urlpatterns = [
    path("developers/webhooks/", views.webhooks, name="webhooks"),
    path("developers/webhooks/new/", views.webhook_new, name="webhook_new"),
    path("developers/webhooks/of-requests/secret/", views.request_secret, name="request_secret"),
    path("developers/webhooks/of-requests/rotate/", views.request_secret_rotate, name="request_secret_rotate"),
    path(_ONE, views.webhook_endpoint, name="webhook_endpoint"),
    path(f"{_ONE}change/", views.webhook_change, name="webhook_change"),
    path(f"{_ONE}delete/", views.webhook_delete, name="webhook_delete"),
    path(f"{_ONE}replay/", views.webhook_replay, name="webhook_replay"),
    path(f"{_ONE}rotate/", views.webhook_rotate, name="webhook_rotate"),
    path(f"{_ONE}secret/", views.webhook_secret, name="webhook_secret"),
    path(f"{_ONE}state/", views.webhook_state, name="webhook_state"),
    path(f"{_ONE}test/", views.webhook_test, name="webhook_test"),
    path(_DELIVERY, views.webhook_delivery, name="webhook_delivery"),
    path(f"{_DELIVERY}resend/", views.webhook_resend, name="webhook_resend"),
]
