"""The pages of the site by the names in the URLconf. A new page needs one line in one of these tables.

The values are the queries with which a page looks different. What an address names beside the workspace (a project, a
video) is a thing that ``furnish`` of ``tests.browser.site_process`` puts into the workspace that is looked at.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence

from django.urls import URLResolver, get_resolver, reverse

Table = dict[str, tuple[str, ...]]

# Of a workspace: looked at in one with everything in it, and, if the address names nothing else, in an empty one.
IN_A_WORKSPACE: Table = {
    "audit": ("",),
    "auto_topup": ("",),
    "balance": ("",),
    "batch": ("",),
    "batches": ("",),
    "budgets": ("",),
    "content_settings": ("",),
    "developers": ("",),
    "gateway": ("",),
    "project": ("",),
    "project_change": ("",),
    "project_new": ("",),
    "pronunciations": ("",),
    "projects": ("", "?archived=1"),
    "statement": ("",),
    "agents": ("",),
    "approvals": ("",),
    "team": ("",),
    "topup": ("", "?back=1"),
    "topup_new": ("",),
    "topups": ("",),
    "upload_choices": ("", "?kind=voice"),
    "upload_delete": ("",),
    "uploads": ("", "?kind=voice"),
    "usage": ("", "?by=project"),
    "video": ("",),
    "video_cancel": ("",),
    "video_captions": ("",),
    "video_change": ("",),
    "video_delete": ("",),
    "video_rename": ("",),
    "video_share": ("",),
    "videos_bin": ("",),
    "video_real": ("",),
    "videos": ("", "?state=running", "?state=ready", "?state=failed", "?q=Donau"),
    "webhook_change": ("",),
    "webhook_delete": ("",),
    "webhook_delivery": ("",),
    "webhook_endpoint": ("", "?state=failed"),
    "webhook_new": ("",),
    "webhooks": ("",),
    "domains": ("",),
    "workspace_close": ("",),
    "workspace_data": ("",),
    "workspace_settings": ("",),
}
# Of somebody who has signed in and confirmed the password.
OF_A_PERSON: Table = {
    "account_change_password": ("",),
    "account_close": ("",),
    "account_email": ("",),
    "account_logout": ("",),
    "account_reauthenticate": ("",),
    "mfa_activate_totp": ("",),
    "mfa_add_webauthn": ("",),
    "mfa_index": ("",),
    "mfa_list_webauthn": ("",),
    "profile": ("",),
    "usersessions_list": ("",),
    "workspace_new": ("",),
}
# Of somebody who signs in with a second factor too.
OF_THE_PROTECTED: Table = {
    "mfa_deactivate_totp": ("",),
    "mfa_generate_recovery_codes": ("",),
    "mfa_index": ("",),
    "mfa_reauthenticate": ("",),
    "mfa_view_recovery_codes": ("",),
}
# Of whoever comes by.
OF_NOBODY: Table = {
    "account_email_verification_sent": ("",),
    "account_inactive": ("",),
    "account_login": ("",),
    "account_reset_password": ("",),
    "account_reset_password_done": ("",),
    "account_reset_password_from_key_done": ("",),
    "account_signup": ("",),
    "api_errors": ("",),
    "api_reference": ("",),
    "home": ("",),
    "legal_imprint": ("",),
    "legal_privacy": ("",),
    "legal_terms": ("",),
    "verify": ("", "?link=rnd_1"),
    "misuse_report": ("", "?about=https://example.org/s/x/"),
    "misuse_sent": ("",),
}
# A test comes to them another way, and looks with ``Eyes.arrive``.
ON_THE_WAY = {
    "api_operation",
    "account_confirm_email",
    "account_reset_password_from_key",
    "invitation",
    "mail_no_more",
    "mfa_authenticate",
    "mfa_edit_webauthn",
    "mfa_reauthenticate_webauthn",
    "mfa_remove_webauthn",
    "shared",
    "video_new",
}
# They answer with a redirect, a part of a page, a file, or to machines.
NO_PAGES = {
    "account_confirm_login_code",
    "account_set_password",
    "account_stay",
    "api_document",
    "api_missing",
    "audit_file",
    "view_as_end",
    "header_status",
    "billing_portal",
    "card_back",
    "card_new",
    "file",
    "embedded",
    "estimate",
    "oembed",
    "shared_captions",
    "shared_poster",
    "shared_review",
    "shared_video",
    "video_captions_delete",
    "video_captions_file",
    "video_captions_status",
    "video_cues",
    "video_share_revoke",
    "batch_discard",
    "batch_make",
    "batch_manifest",
    "batch_retry",
    "batch_status",
    "batch_template_csv",
    "batch_template_xlsx",
    "batch_videos",
    "export_cancel",
    "export_file",
    "export_make",
    "healthz",
    "metrics",
    "readyz",
    "session_end",
    "hook",
    "invitation_link",
    "invitation_resend",
    "invitation_revoke",
    "invitation_sign_out",
    "member_hand_over",
    "member_remove",
    "member_role",
    "mfa_download_recovery_codes",
    "mfa_login_webauthn",
    "project_archive",
    "project_restore",
    "promotion",
    "request_secret",
    "request_secret_rotate",
    "pronunciation_delete",
    "speech_add",
    "speech_estimate",
    "speech_sample",
    "speech_status",
    "spend_lock",
    "statement_check",
    "statement_file",
    "summary_choice",
    "team_leave",
    "domain_prove",
    "domain_remove",
    "domain_role",
    "approval_decide",
    "mcp",
    "token_ask",
    "token_revoke",
    "token_rights",
    "token_take_over",
    "token_rotate",
    "topup_confirm",
    "topup_receipt",
    "topup_status",
    "upload_add",
    "upload_crop",
    "upload_samples",
    "upload_slot",
    "video_code",
    "video_comment",
    "video_file",
    "video_format_file",
    "video_formats",
    "video_give_up",
    "video_mail",
    "video_quote",
    "video_release",
    "video_retry",
    "video_status",
    "video_takes",
    "videos_bulk",
    "videos_live",
    "webhook_replay",
    "webhook_resend",
    "webhook_rotate",
    "webhook_secret",
    "webhook_state",
    "webhook_test",
    "workspace_have_back",
    "workspace_home",
    "workspace_switch",
}
# Everything below answers to machines, or is Django's own.
NO_PAGES_BELOW = ("admin/", "api/v1/", "compat/")

HERE = "tests/browser/pages.py"
# What of ``furnish`` fills the addresses.
THINGS = {"delivery", "endpoint", "project", "render", "table", "topup", "upload"}
LISTED = {*IN_A_WORKSPACE, *OF_A_PERSON, *OF_THE_PROTECTED, *OF_NOBODY, *ON_THE_WAY}
NAMED = re.compile(r"<(?:\w+:)?(\w+)>")


def routes() -> dict[str, str]:
    """Every URL that could be a page: its name and its route."""
    everything = ((name or route, route) for name, route in _routes(get_resolver(), ""))
    return {name: route for name, route in everything if not route.startswith(NO_PAGES_BELOW)}


def _routes(resolver: URLResolver, prefix: str) -> Iterator[tuple[str, str]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _routes(entry, route)
        else:
            yield entry.name or "", route


def things_in(name: str) -> list[str]:
    """What the address names beside the workspace."""
    return [thing for thing in NAMED.findall(routes()[name]) if thing != "workspace"]


def addresses(table: Table, things: Mapping[str, Sequence[str]] | None = None, **fixed: str) -> Iterator[str]:
    """Each page of a table with each of its queries and each of the things that its address can name.

    Without ``things`` only the pages whose addresses name none.
    """
    for name, queries in table.items():
        wanted = things_in(name)
        if wanted and things is None:
            continue
        choices = [(things or {})[thing] for thing in wanted]
        for chosen in itertools.product(*choices):
            path = reverse(name, kwargs={**fixed, **dict(zip(wanted, chosen, strict=True))})
            yield from (path + query for query in queries)


def advice() -> list[str]:
    """What to add to these tables and what to take out, a sentence each."""
    found = routes()
    return [
        *(_add(name, route) for name, route in found.items() if name not in LISTED | NO_PAGES),
        *(f"No URL has the name {name!r}: take it out of {HERE}." for name in (LISTED | NO_PAGES) - found.keys()),
        *(f"{name!r} is listed twice in {HERE}, as a page and in NO_PAGES." for name in LISTED & NO_PAGES),
        *(_furnish(name) for name in IN_A_WORKSPACE.keys() & found.keys() if not THINGS.issuperset(things_in(name))),
    ]


def _add(name: str, route: str) -> str:
    table = "IN_A_WORKSPACE" if route.startswith("w/<slug:workspace>/") else "OF_A_PERSON (or OF_NOBODY)"
    return (
        f"Nobody looks at /{route}\nIf it is a page, add this line to {table} in {HERE}:\n"
        f'    "{name}": ("",),\n'
        "If it redirects, gives a part of a page or a file, takes only POST or answers to machines, this to NO_PAGES:\n"
        f'    "{name}",'
    )


def _furnish(name: str) -> str:
    missing = ", ".join(f'"{thing}"' for thing in things_in(name) if thing not in THINGS)
    return (
        f"The address of {name!r} names {missing}: add that to THINGS in {HERE}, and let furnish() in "
        f"tests/browser/site_process.py make some and give a list of them under that name."
    )
