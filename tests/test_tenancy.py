"""Every URL of the project, asked by everybody. The list comes from the URLconf: a new URL without an answer fails.

Alice owns the workspace, Bob may only look, Charlie is a stranger with his own workspace, Nobody has not signed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from avatarsite.outbox.endpoints import make_endpoint, send_test
from avatarsite.outbox.events import fan_out
from avatarsite.workspaces.models import Invitation, MailDomain, Member, Role, Workspace
from avatarsite.workspaces.tokens import make_token
from billing.ledger import posting
from billing.models import CardSetup, StripeCustomer, TopUp
from billing.prices import price_book
from studio.approvals.approvals import ask_for_approval
from studio.lifecycle.models import Export
from studio.models import Approval, BatchTable, Render, ReviewComment, ShareLink, Speech
from studio.pipeline.request.consent import ApprovalNeeded
from studio.pipeline.request.render_request import RenderRequest
from studio.pipeline.request.take import take
from studio.projects import project_for_new_video
from studio.speech.pronunciations import pronounce
from studio.uploads.samples import add_samples
from tests.conftest import Cast, person

pytestmark = pytest.mark.django_db

NO_WAY = 405
ASKED_FIRST = (
    *("batch_discard", "domain_remove", "export_cancel", "invitation_revoke", "pronunciation_delete"),
    *("token_revoke", "video_captions_delete", "video_comment", "video_share_revoke"),
)
# Below /w/<slug>/: what Alice and Bob get for (GET, POST with an empty form). Charlie gets 404 for everything and
# Nobody is sent to sign in. Bob's POST is refused before its content is looked at.
# (Alice GET, Bob GET, Bob POST, Alice POST)
WORKSPACE: dict[str, tuple[int, int, int, int]] = {
    "audit": (200, 403, 403, 405),
    "audit_file": (200, 403, 403, 405),
    "auto_topup": (200, 403, 403, 422),
    "balance": (200, 200, 405, 405),
    "batch": (200, 200, 405, 405),
    "batch_discard": (200, 403, 403, 302),
    "batch_make": (405, 405, 403, 302),
    "batch_manifest": (200, 200, 405, 405),
    "batch_retry": (405, 405, 403, 302),
    "batch_status": (200, 200, 405, 405),
    "batch_template_csv": (200, 200, 405, 405),
    "batch_template_xlsx": (200, 200, 405, 405),
    "batch_videos": (200, 200, 405, 405),
    "batches": (200, 200, 403, 422),
    "budgets": (200, 200, 403, 422),
    "spend_lock": (405, 405, 403, 302),
    "promotion": (405, 403, 403, 422),
    "pronunciation_delete": (200, 403, 403, 302),
    "pronunciations": (200, 200, 403, 422),
    "speech_add": (405, 403, 403, 302),
    "speech_estimate": (405, 403, 403, 200),
    "speech_sample": (200, 403, 403, 405),
    "speech_status": (200, 403, 403, 405),
    "statement": (200, 200, 405, 405),
    "statement_check": (405, 405, 200, 200),
    "statement_file": (200, 200, 405, 405),
    "summary_choice": (405, 405, 302, 302),
    "usage": (200, 200, 405, 405),
    "header_status": (200, 200, 405, 405),
    "content_settings": (200, 200, 403, 422),
    "billing_portal": (405, 403, 403, 302),
    "card_back": (302, 403, 403, 405),
    "card_new": (405, 403, 403, 302),
    "developers": (200, 200, 403, 422),
    "agents": (200, 200, 405, 405),
    "approval_decide": (405, 405, 403, 302),
    "approvals": (200, 200, 405, 405),
    "token_ask": (405, 403, 403, 302),
    "token_revoke": (200, 403, 403, 302),
    "token_rotate": (405, 403, 403, 302),
    "token_rights": (405, 403, 403, 302),
    "token_take_over": (405, 403, 403, 302),
    "export_cancel": (200, 403, 403, 302),
    "export_file": (404, 403, 403, 405),  # it is not ready
    "export_make": (405, 403, 403, 302),
    "gateway": (200, 200, 405, 405),
    "invitation_resend": (405, 403, 403, 302),
    "invitation_revoke": (200, 403, 403, 302),
    "member_hand_over": (405, 403, 403, 302),
    "member_remove": (405, 403, 403, 302),
    "member_role": (405, 403, 403, 302),
    "project": (200, 200, 405, 405),
    "project_archive": (405, 405, 403, 302),
    "project_change": (200, 403, 403, 422),
    "project_new": (200, 403, 403, 422),
    "project_restore": (405, 405, 403, 302),
    "projects": (200, 200, 405, 405),
    "request_secret": (405, 405, 403, 200),
    "request_secret_rotate": (405, 405, 403, 422),
    "team": (200, 200, 403, 200),
    "domains": (200, 403, 403, 422),
    "domain_prove": (405, 403, 403, 302),
    "domain_remove": (200, 403, 403, 302),
    "domain_role": (405, 403, 403, 302),
    "team_leave": (405, 405, 302, 302),
    "topup": (200, 200, 405, 405),
    "topup_confirm": (405, 403, 403, 302),
    "topup_new": (200, 403, 403, 422),
    "topup_receipt": (404, 403, 403, 405),
    "topup_status": (200, 200, 405, 405),
    "topups": (200, 200, 405, 405),
    "upload_add": (405, 403, 403, 302),
    "upload_choices": (200, 403, 403, 405),
    "upload_crop": (405, 403, 403, 302),
    "upload_delete": (200, 200, 403, 302),
    "upload_samples": (405, 403, 403, 302),
    "upload_slot": (200, 403, 403, 405),
    "uploads": (200, 200, 405, 405),
    "video": (200, 200, 405, 405),
    "video_cancel": (200, 200, 403, 302),
    "video_captions": (200, 200, 403, 422),
    "video_captions_delete": (200, 403, 403, 302),
    "video_captions_file": (404, 404, 405, 405),
    "video_captions_status": (200, 200, 405, 405),
    "video_change": (200, 200, 403, 422),
    "video_code": (405, 403, 403, 200),
    "video_cues": (405, 405, 403, 404),
    "video_comment": (200, 403, 403, 302),
    "video_delete": (200, 200, 403, 302),
    "video_file": (404, 404, 405, 405),
    "video_formats": (200, 200, 403, 404),
    "video_format_file": (404, 404, 405, 405),
    "video_give_up": (405, 405, 403, 302),
    "video_mail": (405, 405, 302, 302),
    "video_new": (200, 403, 403, 422),
    "video_quote": (405, 403, 403, 200),
    "video_rename": (200, 200, 403, 422),
    "video_real": (200, 403, 403, 302),
    "video_release": (405, 405, 403, 302),
    "video_retry": (405, 405, 403, 302),
    "video_share": (200, 200, 403, 422),
    "video_share_revoke": (200, 403, 403, 302),
    "video_status": (200, 200, 405, 405),
    "video_takes": (404, 404, 403, 302),
    "videos": (200, 200, 405, 405),
    "videos_bin": (200, 200, 403, 302),
    "videos_bulk": (405, 405, 403, 302),
    "videos_live": (200, 200, 405, 405),
    "webhook_change": (200, 403, 403, 422),
    "webhook_delete": (200, 200, 403, 302),
    "webhook_delivery": (200, 200, 405, 405),
    "webhook_endpoint": (200, 200, 405, 405),
    "webhook_new": (200, 403, 403, 422),
    "webhook_replay": (405, 405, 403, 422),
    "webhook_resend": (405, 405, 403, 302),
    "webhook_rotate": (405, 405, 403, 422),
    "webhook_secret": (405, 405, 403, 200),
    "webhook_state": (405, 405, 403, 302),
    "webhook_test": (405, 405, 403, 302),
    "webhooks": (200, 200, 405, 405),
    "workspace_close": (200, 403, 403, 422),
    "workspace_data": (200, 403, 403, 302),
    "workspace_have_back": (405, 403, 403, 302),
    "workspace_home": (302, 302, 405, 405),
    "workspace_settings": (200, 200, 403, 200),
    "workspace_switch": (302, 302, 405, 405),
}

# Of these, what is a billing manager's: by GET or by POST alone.
OF_BILLING = {
    *("auto_topup", "balance", "billing_portal", "budgets", "card_back", "card_new", "promotion", "spend_lock"),
    *("statement", "statement_check", "statement_file", "summary_choice", "usage"),
    *("topup", "topup_confirm", "topup_new", "topup_receipt", "topup_status", "topups"),
    *("header_status", "team", "team_leave", "workspace_home", "workspace_settings", "workspace_switch"),
}

# Outside a workspace: what Alice, Bob, Charlie and Nobody get for GET. These belong to the person who asks, or to
# whoever holds the link, and name no workspace.
ELSEWHERE: dict[str, tuple[int, int, int, int]] = {
    "account_close": (200, 200, 200, 302),
    "account_stay": (405, 405, 405, 302),
    "account_change_password": (200, 200, 200, 302),
    "account_confirm_email": (200, 200, 200, 200),
    "account_confirm_login_code": (302, 302, 302, 302),
    "account_email": (200, 200, 200, 302),
    "account_email_verification_sent": (200, 200, 200, 200),
    "account_inactive": (200, 200, 200, 200),
    "account_login": (302, 302, 302, 200),
    "account_logout": (200, 200, 200, 302),
    "account_reauthenticate": (200, 200, 200, 302),
    "account_reset_password": (200, 200, 200, 200),
    "account_reset_password_done": (200, 200, 200, 200),
    "account_reset_password_from_key": (200, 200, 200, 200),
    "account_reset_password_from_key_done": (200, 200, 200, 200),
    "account_set_password": (302, 302, 302, 302),
    "account_signup": (302, 302, 302, 200),
    "embedded": (404, 404, 404, 404),
    "file": (404, 404, 404, 404),
    # Whoever has no token is told so in the protocol's own way; a session counts for nothing here.
    "gateway_aimlapi": (401, 401, 401, 401),
    "gateway_aimlapi_balance": (401, 401, 401, 401),
    "gateway_aimlapi_models": (200, 200, 200, 200),
    "gateway_fal_cancel": (405, 405, 405, 405),
    "gateway_fal_initiate": (405, 405, 405, 405),
    "gateway_fal_initiate_multipart": (405, 405, 405, 405),
    "gateway_fal_jwks": (200, 200, 200, 200),
    "gateway_fal_multipart_part": (401, 401, 401, 401),
    "gateway_fal_multipart": (401, 401, 401, 401),
    "gateway_fal_multipart_complete": (401, 401, 401, 401),
    "gateway_fal_pricing": (401, 401, 401, 401),
    "gateway_fal_upload_signed": (403, 403, 403, 403),
    "gateway_fal_upload_signed_complete": (403, 403, 403, 403),
    "gateway_fal_upload_signed_part": (403, 403, 403, 403),
    "gateway_fal_response": (401, 401, 401, 401),
    "gateway_fal_result": (401, 401, 401, 401),
    "gateway_fal_run": (404, 404, 404, 404),
    "gateway_fal_status": (401, 401, 401, 401),
    "gateway_fal_stream": (401, 401, 401, 401),
    "gateway_fal_submit": (404, 404, 404, 404),
    "gateway_fal_upload_token": (405, 405, 405, 405),
    "gateway_fal_upload": (401, 401, 401, 401),
    "gateway_file": (404, 404, 404, 404),
    "gateway_runware": (405, 405, 405, 405),
    "gateway_video": (404, 404, 404, 404),
    "healthz": (200, 200, 200, 200),
    "home": (302, 302, 302, 200),
    "estimate": (302, 302, 302, 302),  # to the front page, which is the same for everybody
    "metrics": (404, 404, 404, 404),  # without METRICS_TOKEN it is not there
    "readyz": (503, 503, 503, 503),  # no worker runs
    "hook": (405, 405, 405, 405),
    "mcp": (405, 405, 405, 405),
    "invitation": (404, 404, 404, 404),
    "invitation_link": (302, 302, 302, 302),
    "invitation_sign_out": (405, 405, 405, 405),
    "legal_imprint": (200, 200, 200, 200),
    "legal_privacy": (200, 200, 200, 200),
    "legal_terms": (200, 200, 200, 200),
    "misuse_report": (200, 200, 200, 200),
    "misuse_sent": (200, 200, 200, 200),
    "mfa_activate_totp": (302, 302, 302, 302),
    "mfa_add_webauthn": (302, 302, 302, 302),
    "mfa_authenticate": (302, 302, 302, 302),
    "mfa_deactivate_totp": (404, 404, 404, 302),
    "mfa_download_recovery_codes": (404, 404, 404, 302),
    "mfa_edit_webauthn": (302, 302, 302, 302),
    "mfa_generate_recovery_codes": (302, 302, 302, 302),
    "mfa_index": (200, 200, 200, 302),
    "mfa_list_webauthn": (200, 200, 200, 302),
    "mfa_login_webauthn": (302, 302, 302, 302),
    "mfa_reauthenticate": (302, 302, 302, 302),
    "mfa_reauthenticate_webauthn": (302, 302, 302, 302),
    "mfa_remove_webauthn": (302, 302, 302, 302),
    "mfa_view_recovery_codes": (404, 404, 404, 302),
    "mail_no_more": (404, 404, 404, 404),
    "oembed": (404, 404, 404, 404),
    "profile": (200, 200, 200, 302),
    "session_end": (404, 404, 404, 302),
    # Behind a link of somebody's it is the link that counts: tests/studio/sharing/.
    "shared": (404, 404, 404, 404),
    "shared_captions": (404, 404, 404, 404),
    "shared_poster": (404, 404, 404, 404),
    "shared_review": (405, 405, 405, 405),
    "shared_video": (404, 404, 404, 404),
    "usersessions_list": (200, 200, 200, 302),
    "verify": (200, 200, 200, 200),
    "workspace_new": (200, 200, 200, 302),
    # A button for whoever looks as somebody else: tests/avatarsite/staff/test_view_as.py.
    "view_as_end": (403, 403, 403, 403),
}
# Django's admin site: everything in it sends whoever is not staff to its own sign-in.
ADMIN_OPEN = {"login", "logout", "jsi18n"}

# What a form has to say before it looks for the thing itself.
FORMS = {"member_role": {"role": "viewer"}}


def patterns(resolver: Any = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in (resolver or get_resolver()).url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from patterns(entry, route)
        else:
            yield route, entry


OURS = {entry.name: route for route, entry in patterns() if not route.startswith("admin/") and entry.name}
IN_WORKSPACE = sorted(name for name, route in OURS.items() if route.startswith("w/<slug:workspace>/"))
# Tokens and not people go in there: tests/studio/api/test_tenancy.py.
FOR_TOKENS = {name for name, route in OURS.items() if route.startswith(("api/", "^api/"))}
OUTSIDE = sorted(OURS.keys() - set(IN_WORKSPACE) - FOR_TOKENS)


@pytest.fixture
def things(cast: Cast, settings: Any, tmp_path: Any) -> dict[str, Any]:
    """One of each thing that a URL can name, all of Alice's workspace."""
    workspace = cast.workspace
    price_book.set_price("local:draft", cost_micros_per_second=0, price_micros_per_second=10_000, source="test")
    posting.grant(workspace, 5_000_000, key="tenancy", reason="test")
    portrait, voice = add_samples(workspace)
    request = RenderRequest(workspace, project_for_new_video(workspace), portrait, voice)
    render = take(request, user=cast.alice)[0]
    invitation = Invitation.objects.create(
        workspace=workspace,
        email="somebody@example.org",
        role=Role.MEMBER,
        token_hash="0" * 64,
        sent_at=timezone.now(),
        expires_at=timezone.now() + timedelta(days=1),
    )
    customer = StripeCustomer.objects.create(
        workspace=workspace, livemode=False, email=cast.alice.email, name=workspace.name
    )
    top_up = TopUp.objects.create(
        workspace=workspace, customer=customer, user=cast.alice, amount_cents=2000, livemode=False
    )
    return {
        "card": CardSetup.objects.create(workspace=workspace, customer=customer).pk,
        "topup": top_up.pk,
        "token": make_token(workspace, user=cast.alice, name="A program", scopes=["render"])[0].pk,
        "render": render.pk,
        "link": (link := ShareLink.objects.create(workspace=workspace, render=render)).pk,
        "comment": ReviewComment.objects.create(workspace=workspace, render=render, link=link, author="A guest").pk,
        "form": "mov",
        "project": render.project_id,
        "upload": portrait.pk,
        "pronunciation": pronounce(workspace, "SQL", "sequel").pk,
        "speech": Speech.objects.create(workspace=workspace, script="Hello.", speaker="local:joe", digest="0" * 64).pk,
        "table": BatchTable.objects.create(workspace=workspace, project_id=render.project_id, name="a.csv").pk,
        "member": cast.member(cast.emil).pk,
        "invitation": invitation.pk,
        "domain": MailDomain.objects.create(workspace=workspace, name="acme.example", checked_at=timezone.now()).pk,
        "approval": _approval(request, cast).pk,
        "export": Export.objects.create(workspace=workspace, asked_by=cast.alice).pk,
        **_webhook(workspace),
    }


def _approval(request: RenderRequest, cast: Cast) -> Approval:
    token = make_token(cast.workspace, user=cast.alice, name="Asks", scopes=["render"], ask_above_micros=0)[0]
    try:
        take(replace(request, token=token), user=cast.alice)
    except ApprovalNeeded as needed:
        return ask_for_approval(needed)
    raise AssertionError("it did not ask")


def _webhook(workspace: Workspace) -> dict[str, str]:
    endpoint = make_endpoint(workspace, url="https://hooks.example.com/", user=None)
    send_test(endpoint)
    fan_out(workspace.pk)
    return {"endpoint": endpoint.pk, "delivery": endpoint.deliveries.get(event__kind="webhook.test").pk}


def arguments(name: str, things: dict[str, Any], workspace: str) -> dict[str, Any]:
    """What the URL takes, filled with Alice's things."""
    route = OURS[name]
    found: dict[str, Any] = {"workspace": workspace}
    named = (
        "render",
        "project",
        "upload",
        "speech",
        "pronunciation",
        "table",
        "topup",
        "card",
        "token",
        "endpoint",
        "delivery",
        "link",
        "form",
        "comment",
        "approval",
        "export",
    )
    for thing in named:
        if f"<slug:{thing}>" in route:
            found[thing] = things[thing]
    if "<slug:kind>" in route:
        found["kind"] = "csv"
    if "<int:row>" in route:
        found["row"] = things.get(name.split("_", maxsplit=1)[0])
    return found


def test_every_url_has_an_answer() -> None:
    assert sorted(WORKSPACE) == IN_WORKSPACE
    assert sorted(ELSEWHERE) == OUTSIDE


@pytest.mark.parametrize("name", IN_WORKSPACE)
def test_a_page_of_a_workspace_for(name: str, cast: Cast, things: dict[str, Any]) -> None:
    url = reverse(name, kwargs=arguments(name, things, cast.workspace.slug))
    nobody, charlie, bob, alice = (cast.browser(who) for who in (None, cast.charlie, cast.bob, cast.alice))

    assert [charlie.get(url).status_code, charlie.post(url).status_code] == [404, 404]
    sent = [nobody.get(url), nobody.post(url)]
    assert [answer.status_code for answer in sent] == [302, 302]
    assert all(answer["Location"].startswith(reverse("account_login")) for answer in sent)

    found = (
        alice.get(url).status_code,
        bob.get(url).status_code,
        bob.post(url).status_code,
        alice.post(url).status_code,
    )
    assert found == WORKSPACE.get(name), name


def test_a_billing_manager_meets_money_and_people_and_no_video_portrait_or_voice(
    cast: Cast, things: dict[str, Any]
) -> None:
    gus = cast.browser(Member.objects.create(workspace=cast.workspace, user=person("Gus"), role=Role.BILLING).user)
    urls = {name: reverse(name, kwargs=arguments(name, things, cast.workspace.slug)) for name in IN_WORKSPACE}
    assert {name for name, url in urls.items() if gus.get(url).status_code != 403} == OF_BILLING
    assert {name for name in set(urls) - OF_BILLING if gus.post(urls[name]).status_code != 403} == set()
    seen = [gus.get(urls[name]).content.decode() for name in ("balance", "statement", "usage", "budgets", "team")]
    closed = [urls[name] for name in ("video", "videos", "uploads", "projects", "developers")]
    assert [url for url in closed for page in seen if f'"{url}' in page] == []


@pytest.mark.parametrize("name", ASKED_FIRST)
def test_what_ends_something_is_asked_about_first(name: str, cast: Cast, things: dict[str, Any]) -> None:
    """In the dialog of the page, or on a page of its own; and a question, asked twice, ends nothing."""
    url, alice = reverse(name, kwargs=arguments(name, things, cast.workspace.slug)), cast.browser(cast.alice)
    for asked in (alice.get(url, headers={"HX-Request": "true"}), alice.get(url)):
        page = asked.content.decode()
        assert (asked.status_code, page.count(f'<form method="post" action="{url}">'), "Keep it" in page) == (
            200,
            1,
            True,
        )


@pytest.mark.parametrize("name", [name for name in IN_WORKSPACE if OURS[name].count("<") > 1])
def test_another_workspaces_door_does_not_open_alices_things(name: str, cast: Cast, things: dict[str, Any]) -> None:
    """Charlie owns his workspace and asks there for what is Alice's."""
    charlie = cast.browser(cast.charlie)
    his = cast.charlie.workspaces.get()
    url = reverse(name, kwargs=arguments(name, things, his.slug))
    before = list(Render.objects.values())
    answers = {charlie.get(url).status_code, charlie.post(url, FORMS.get(name, {})).status_code}
    assert answers - {NO_WAY} == {404}
    assert list(Render.objects.values()) == before


@pytest.mark.parametrize("name", OUTSIDE)
def test_a_page_outside_a_workspace_for(name: str, cast: Cast) -> None:
    asked = {"owner": "fal-ai", "app": "kling-video", "request_id": "00000000-0000-4000-8000-000000000000"}
    put = {"file_id": "00000000-0000-4000-8000-000000000000"}
    part = {**put, "name": "voice.mp3", "upload_id": "0" * 32}
    model = {"model": "fal-ai/kling-video/ai-avatar/v2/pro"}
    fill = {
        **{f"gateway_fal_{word}": asked for word in ("status", "stream", "result", "response", "cancel")},
        **dict.fromkeys(["gateway_fal_submit", "gateway_fal_run"], model),
        "gateway_fal_upload_signed": put,
        "gateway_fal_upload_signed_part": {**put, "number": 1},
        "gateway_fal_upload_signed_complete": put,
        "gateway_fal_multipart_part": {**part, "number": 1},
        "gateway_fal_multipart_complete": part,
        "gateway_file": {**put, "name": "voice.mp3"},
        "gateway_video": {"signature": "forged", "render_id": "rnd_1", "ending": "mp4"},
        "hook": {"source": "stranger"},
        "file": {"token": "forged", "name": "video.mp4"},
        **{name: {"key": "shr_1:forged"} for name in ("embedded", "shared", "shared_captions", "shared_review")},
        **{name: {"key": "shr_1:forged"} for name in ("shared_poster", "shared_video")},
        "invitation_link": {"token": "forged"},
        "mail_no_more": {"token": "forged"},
        "mfa_edit_webauthn": {"pk": 1},
        "mfa_remove_webauthn": {"pk": 1},
        "session_end": {"session": 1},
        "account_confirm_email": {"key": "forged"},
        "account_reset_password_from_key": {"uidb36": "1", "key": "forged"},
    }
    url = reverse(name, kwargs=fill.get(name))
    people = (cast.alice, cast.bob, cast.charlie, None)
    found = tuple(cast.browser(who).get(url).status_code for who in people)
    assert found == ELSEWHERE.get(name), name


def test_the_admin_site_lets_nobody_in_who_is_not_staff(cast: Cast) -> None:
    browsers = [cast.browser(who) for who in (cast.alice, cast.bob, cast.charlie, None)]
    for route, entry in patterns():
        if not route.startswith("admin/") or entry.name in ADMIN_OPEN or "(?P<" in route:
            continue
        url = "/" + route
        for part in ("<path:object_id>", "<int:content_type_id>", "<path:url>", "<id>", "<int:pk>"):
            url = url.replace(part, "1")
        for browser in browsers:
            answer = browser.get(url)
            assert (answer.status_code, answer["Location"].split("?")[0]) == (302, "/admin/login/"), url
