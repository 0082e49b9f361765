"""The house as a whole: how full its rooms are, that nothing imports in a circle, and what it promises outwards."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tomllib
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path

import grimp
import pytest

from tests.conftest import SLOW
from tests.support.contract import facts
from tests.support.paths import ROOT

APPS = ("avatarsite", "billing", "studio")
MAX_FILES = 20
MAX_FILES_OF_BILLING = 12
# Each import contract, and a line that breaks it in the file which it is added to.
BREACHES = {
    "Dependencies point one way: workspaces <- billing <- studio": (
        "avatarsite.workspaces.tokens",
        "billing.holds.holds",
    ),
    "The studio's rooms are layers": ("studio.models.renders", "studio.pipeline.states"),
    "The pipeline knows none of its callers": ("studio.pipeline.settle", "studio.api.renders"),
    "Billing stands in layers: pages over purchases over charges over the ledger": (
        "billing.ledger.lots",
        "billing.holds.holds",
    ),
    "Providers and media know no row": ("studio.providers.local", "studio.models.jobs"),
    "The draft engine needs no Django": ("studio.media.draft.lips", "django"),
    "Stripe's library is called in one room": ("billing.usage.totals", "stripe"),
    "The S3 client is called in one room": ("studio.uploads.fetch", "boto3"),
    "The gateway's protocols do not know each other": ("studio.gateway.fal.sync", "studio.gateway.runware.hub"),
    "httpx is called in avatarsite.http and studio.providers.http alone": (
        "studio.uploads.fetch",
        "httpx",
    ),
    "No second HTTP client in the product": ("studio.providers.http.asking", "aiohttp"),
    "Piper, which is GPL, runs in processes of its own": ("studio.speech.engines.local", "piper"),
}

FOLDERS = (*APPS, "benchmarks", "docs", "static", "templates", "tests")
PAGES = ("docs/architecture.md", "docs/glossary.md", "docs/adding-a-provider.md", "docs/testing.md", "tests/README.md")

CITED = re.compile(
    r"(?<![\w./-])(?:avatarsite|benchmarks|billing|docs|studio|tests)/[\w./*-]*\.(?:css|html|js|json|md|py|toml)\b"
)
MADE_UP = {"tests/studio/providers/test_acme.py"}  # the example of docs/adding-a-provider.md

# What has been renamed since, or is wanted to be otherwise: a pattern each, ``*`` for anything.
RENAMED = {
    "admin/gateway/gatewayletter/": "admin/gateway/gatewaywebhook/",
    "admin/inbox/letter/": "admin/inbox/inboundevent/",
    "w/<slug>/bench/": "w/<slug>/header-status/",
}
GONE = [
    # A voice may be a script instead, and is null until that is spoken.
    "field ItemBodyRequest.voice! *",
    "field QuoteBodyRequest.voice *",
    "field RenderBodyRequest.voice! *",
    'field RenderShape.voice! {"type": "string"}',
    # They have "joining" and "speaking" now.
    "field EventShape.to_state! *",
    "field RenderShape.state! *",
    "parameter GET /api/v1/renders query state *",
    # The watch is a task of the queue, and needs no process of its own.
    "command watch",
    # What AI/ML API's protocol does not know is answered by the gateway's door, as at the other two.
    "url compat/aimlapi/<path>",
    # The body of a batch has what the request has beside its items.
    'body POST /api/v1/batches application/json "BatchBodyRequest"',
    # A signed quote may be longer.
    'field RenderBodyRequest.quote {"maxLength": 1000, *',
    # Captions are among a render's outputs, and have an event of their own.
    "field *EndpointBodyRequest.kinds *",
    "field PatchedEndpointChangeBodyRequest.kinds *",
    "field WebhookEndpointShape.kinds! *",
    "field WebhookEventShape.type! *",
    "field *OutputShape.kind! *",
    "parameter GET /api/v1/events query kind *",
    "parameter GET /api/v1/renders/{render}/outputs/{output} path output! *",
    "url api/v1/renders/<slug>/outputs/<slug>",
    # Tokens of developers manage webhooks.
    "field TokenShape.scopes! *",
]
ADDED = [
    # The whole house in one sealed archive, and back.
    "command backup",
    "command migrate",
    "command restore",
    # Scripts that are spoken, beside or in the place of a voice.
    "* GET /api/v1/pronunciations*",
    "* POST /api/v1/pronunciations*",
    "* DELETE /api/v1/pronunciations/*",
    "* GET /api/v1/voices*",
    "* POST /api/v1/voices*",
    "field CountsShape.speaking! *",
    'field ItemBodyRequest.voice! {"oneOf"*',
    "field Pronunciation*",
    'field QuoteBodyRequest.voice {"oneOf"*',
    "field QuoteShape.speech_ceiling! *",
    'field RenderBodyRequest.voice! {"oneOf"*',
    "field RenderShape.speech! *",
    'field RenderShape.voice! *"null"*',
    "field Speaker*",
    "field Speech*",
    "field UploadShape.script! *",
    "field UploadShape.sentences! *",
    "schema Pronunciation*",
    "schema Speaker*",
    "schema Speech*",
    "url api/v1/pronunciations*",
    "url admin/studio/batch*/",
    "url admin/studio/pronunciation/",
    "url admin/studio/rendergroup/",
    "url admin/studio/speech/",
    "url api/v1/voices*",
    # /healthz says that the process lives, whatever is away; whether the site can serve is now /readyz.
    # A video too long for any offer is made in parts, and joined.
    "field CountsShape.joining! *",
    'field EventShape.to_state! *"joining"*',
    'field RenderShape.state! *"joining"*',
    'parameter GET /api/v1/renders query state *"joining"*',
    "field RenderShape.parts! *",
    "field QuoteShape.parts! *",
    "schema PartShape *",
    "field PartShape.*",
    "schema PlannedPartShape *",
    "field QuoteBodyRequest.prompt *",
    "field QuoteBodyRequest.output_quality *",
    "* GET /api/v1/renders/{render}/parts/*",
    "url api/v1/renders/<slug>/parts/<int>",
    "field PlannedPartShape.*",
    "url readyz",
    "url metrics",
    # Legal pages.
    "url terms/",
    "url privacy/",
    "url imprint/",
    # Who has stated the right to its face and voice.
    "field ItemBodyRequest.rights *",
    "field RenderBodyRequest.rights *",
    "field RenderShape.rights! *",
    "field RightsShape.*",
    "field StatementShape.*",
    "schema RightsShape *",
    "schema StatementShape *",
    "url w/<slug>/developers/tokens/<slug>/rights/",
    # What a video is, by its papers.
    "* POST /api/v1/verify*",
    "field FindingShape.*",
    "field VerifyFileRequest.*",
    "field VerifyLinkRequest.*",
    "schema FindingShape *",
    "schema VerifyFileRequest *",
    "schema VerifyLinkRequest *",
    "url api/v1/verify",
    "url verify",
    "url admin/legal/*",
    # What is usual, what is late, and giving it up.
    "* PUT /api/v1/renders/{render}/give-up*",
    "* DELETE /api/v1/renders/{render}/give-up*",
    "schema GiveUpBodyRequest *",
    "field GiveUpBodyRequest.*",
    "schema UsualShape *",
    "field UsualShape.*",
    "field FailureShape.next! *",
    "field FailureShape.remedy! *",
    *(f"field RenderShape.{name}! *" for name in ("can_cancel", "give_up_at", "late_at", "state_since")),
    "field RenderShape.usual_seconds! *",
    "url api/v1/renders/<slug>/give-up",
    "url w/<slug>/videos/<slug>/give-up/",
    "url w/<slug>/videos/<slug>/mail/",
    # Other formats, made afterwards.
    "* POST /api/v1/renders/{render}/outputs*",
    "* DELETE /api/v1/renders/{render}/outputs/{output}*",
    "field RenderShape.renditions! *",
    "schema Rendition*",
    "field Rendition*",
    "url w/<slug>/videos/<slug>/formats/*",
    # Kept for so many days, exported, closed.
    "url admin/lifecycle/*",
    "* /api/v1/exports*",
    "schema Export*",
    "field Export*",
    "url api/v1/exports*",
    "url admin/studio/retention/",
    "url me/close/*",
    "url w/<slug>/settings/close/*",
    "url w/<slug>/settings/data/*",
    "field StorageShape.kept_days! *",
    # Review by guests.
    "* GET /api/v1/renders/{render}/comments*",
    *(f"* {method} /api/v1/comments/*" for method in ("GET", "PATCH", "DELETE")),
    "schema Comment*",
    "schema PatchedCommentBodyRequest *",
    "field Comment*",
    "field PatchedCommentBodyRequest.*",
    "url api/v1/renders/<slug>/comments",
    "url api/v1/comments/<slug>",
    "url w/<slug>/videos/<slug>/comments/<slug>/",
    # Share links.
    "url admin/studio/sharelink/",
    "url api/v1/renders/<slug>/shares",
    "url api/v1/shares/<slug>",
    "url embed/<str>/",
    "url oembed",
    # The price of a length or a recording, before anybody signs up.
    "url price/",
    # A page for each operation of the API.
    "url api/operations/<slug>/",
    "url s/<str>/*",
    "url account/2fa/webauthn/*",
    "url account/sessions/",
    "url me/sessions/<int>/end/",
    "url w/<slug>/videos/<slug>/change/",
    "url w/<slug>/videos/<slug>/share/*",
    "* GET /api/v1/shares/*",
    "* DELETE /api/v1/shares/*",
    "* GET /api/v1/renders/{render}/shares*",
    "* POST /api/v1/renders/{render}/shares*",
    "schema Share*",
    "field Share*",
    "command check_queue",
    "command front_video",
    "command sockets",
    "command verify_storage",
    "command web",
    "* GET /api/v1/storage*",
    # A portrait's warnings, and its crops.
    "* POST /api/v1/uploads/{upload}/crops*",
    "url api/v1/uploads/<slug>/crops",
    "url w/<slug>/uploads/<slug>/crop/",
    # Words typed for the voice slot.
    "url w/<slug>/speech/*",
    "url w/<slug>/pronunciations/*",
    "url w/<slug>/videos/<slug>/real/",
    "schema CropBodyRequest *",
    "schema WarningShape *",
    "field CropBodyRequest.*",
    "field ItemBodyRequest.accept_warnings *",
    "field ItemQuoteShape.warnings! *",
    "field QuoteShape.warnings! *",
    "field RenderBodyRequest.accept_warnings *",
    "field UploadShape.crop_of! *",
    "field UploadShape.warnings! *",
    "field WarningShape.*",
    'body POST /api/v1/batches application/json "BatchAskedBodyRequest"',
    "schema BatchAskedBodyRequest *",
    "schema ChargeReturnShape *",
    "schema StorageShape *",
    "field BatchAskedBodyRequest.*",
    "field BatchBodyRequest.notify *",
    "field BatchQuoteShape.expires_at! *",
    "field BatchQuoteShape.id! *",
    "field ChargeReturnShape.*",
    "field RenderBodyRequest.notify *",
    'field RenderBodyRequest.quote {"maxLength": 2000, *',
    "field RenderShape.charge_return! *",
    "field RenderShape.nsfw_content! *",
    "field RenderShape.seed! *",
    "field RenderShape.state_detail! *",
    "field SlotBodyRequest.bytes *",
    "field StorageShape.*",
    "url admin/mail/mailmessage/",
    "url admin/studio/storageuse/",
    "url admin/studio/storedfile/",
    "field MeShape.service_notices! *",
    "field ServiceNoticeShape.*",
    "schema ServiceNoticeShape *",
    "url admin/audit/auditentry/",
    "url admin/site/servicenotice/",
    "url admin/studio/usualrouting/",
    "url admin/waffle/switch/",
    "url admin/staff/staffnote/",
    "url view-as/end/",
    "url w/<slug>/team/audit/*",
    # Everybody with an address of a domain joins its workspace.
    "url w/<slug>/team/domains/*",
    "url admin/workspaces/maildomain/",
    "field TokenShape.scopes! *",
    "url admin/search/",
    "url api/v1/storage",
    "url compat/fal/cdn/upload/<uuid>/*",
    "url compat/fal/rest/storage/upload/initiate-multipart",
    "* POST /api/v1/renders/{render}/restore*",
    "url api/v1/renders/<slug>/restore",
    "url mail/no-more/<str>/",
    "url w/<slug>/batches/*",
    "url w/<slug>/videos/<slug>/takes/",
    "url w/<slug>/videos/bin/",
    "url w/<slug>/videos/bulk/",
    "url w/<slug>/developers/tokens/<slug>/take-over/",
    "* PATCH /api/v1/renders/{render}*",
    "*PatchedChangeBodyRequest*",
    "* /api/v1/webhook-secret*",
    "url api/v1/webhook-secret*",
    "field *.webhook_url*",
    "* /api/v1/budgets*",
    "*BudgetShape*",
    "*BudgetList*",
    "*BudgetBodyRequest*",
    "url api/v1/budgets*",
    "* /api/v1/spending-locks*",
    "*SpendingLock*",
    "*LockBodyRequest*",
    "url api/v1/spending-locks*",
    "url w/<slug>/budgets/lock/",
    "* GET /api/v1/approvals*",
    "*ApprovalShape*",
    "*ApprovalList*",
    "*TokenList*",
    "answer POST /api/v1/* 202 *",
    "url api/v1/approvals*",
    "* /api/v1/tokens*",
    "*TokenChangeBodyRequest*",
    "url api/v1/tokens*",
    "field TokenShape.ask_above_micros! *",
    "url mcp",
    "url w/<slug>/approvals/*",
    "url w/<slug>/developers/agents/",
    "url w/<slug>/developers/tokens/<slug>/ask/",
    "field *.tags*",
    "parameter GET /api/v1/renders query *",
    "field RenderShape.webhook_host! *",
    "field WebhookEndpointShape.of_requests! *",
    "url w/<slug>/developers/webhooks/of-requests/*",
    "* /api/v1/renders/{render}/captions*",
    "url api/v1/renders/<slug>/captions",
    "url s/<str>/captions.vtt",
    "url w/<slug>/videos/<slug>/captions*",
    "*CaptionsBodyRequest*",
    "*CaptionsShape*",
    "*CueBodyRequest*",
    "*CueShape*",
    "field EndpointBodyRequest.kinds *",
    "field PatchedEndpointChangeBodyRequest.kinds *",
    "field WebhookEndpointShape.kinds! *",
    "field WebhookEventShape.type! *",
    "field *OutputShape.kind! *",
    "parameter GET /api/v1/events query kind *",
    "parameter GET /api/v1/renders/{render}/outputs/{output} path output! *",
    "url api/v1/renders/<slug>/outputs/<str>",
    # The content check for every offer, and what becomes of a marked video; reports of misuse.
    "* POST /api/v1/renders/{render}/release*",
    "field LimitsShape.content_check_by! *",
    "field OptionsBodyRequest.if_flagged *",
    "field OptionsBodyRequest.visible_label *",
    "field OptionsShape.visible_label! *",
    "field OptionsShape.if_flagged! *",
    "field QuoteShape.charge_if_flagged! *",
    "field RenderShape.withheld! *",
    "*WithheldShape*",
    "url admin/misuse/misusereport/",
    "url api/v1/renders/<slug>/release",
    "url report/*",
    "url w/<slug>/settings/content/",
    "url w/<slug>/videos/<slug>/release/",
]


def test_no_folder_is_too_full() -> None:
    files = [path for app in APPS for path in (ROOT / app).rglob("*.py") if path.parent.name != "migrations"]
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in files)
    assert {folder: count for folder, count in counts.items() if count > MAX_FILES} == {}
    assert counts["billing"] <= MAX_FILES_OF_BILLING


def test_no_two_files_import_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT)
    graph = grimp.build_graph(*APPS, cache_dir=None)
    pairs = {(one, other) for one in graph.modules for other in graph.find_modules_directly_imported_by(one)}
    assert {pair for pair in pairs if pair[::-1] in pairs} == set()


def test_every_import_contract_fails_on_a_breach(tmp_path: Path) -> None:
    """``lint-imports`` says whether they hold; here each is broken in a copy of the site."""
    for app in APPS:
        shutil.copytree(ROOT / app, tmp_path / app, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for source, target in BREACHES.values():
        with (tmp_path / source.replace(".", "/")).with_suffix(".py").open("a") as file:
            file.write(f"\nimport {target}\n")
    command = [Path(sys.executable).parent / "lint-imports", "--no-cache"]
    done = subprocess.run(command, cwd=tmp_path, check=False, capture_output=True, text=True)
    sections = re.split(r"\n(.+)\n-{10,}\n", done.stdout.partition("Broken contracts")[2])
    told = dict(zip(sections[1::2], sections[2::2], strict=True))
    named = {name for name, (source, target) in BREACHES.items() if f"{source} -> {target}" in told.get(name, "")}
    assert (done.returncode, named) == (1, set(BREACHES))


def test_no_import_contract_has_gone() -> None:
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    names = [contract["name"] for contract in config["tool"]["importlinter"]["contracts"]]
    assert names == list(BREACHES)
    page = (ROOT / "docs/architecture.md").read_text()
    assert [name for name in names if f"| {name} |" not in page] == []


def test_files_that_comments_and_pages_cite_are_there() -> None:
    places = [
        ROOT / "README.md",
        *(path for top in (*APPS, "docs", "tests") for path in (ROOT / top).rglob("*.[mp][dy]")),
    ]
    cited = {path for place in places for path in CITED.findall(place.read_text())} - MADE_UP
    assert [
        path for path in sorted(cited) if not any(ROOT.glob(path)) and not (ROOT / "templates" / path).exists()
    ] == []


def test_what_make_check_leaves_out_is_there() -> None:
    assert [name for name in SLOW if not (ROOT / name.partition("::")[0]).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_is_there(page: str) -> None:
    named = re.findall(r"`([\w./*-]+/[\w./*-]*)`", (ROOT / page).read_text())
    ours = {path for path in named if path.split("/")[0] in FOLDERS}
    assert ours
    assert [path for path in sorted(ours) if not any(ROOT.glob(path))] == []


def test_what_is_promised_outwards_is_as_before() -> None:
    before = {_renamed(fact) for fact in json.loads((ROOT / "tests/contract_5080d42.json").read_text())}
    now = set(facts())
    gone, added = before - now, now - before
    assert [fact for fact in sorted(gone) if not _listed(fact, GONE)] == []
    assert [fact for fact in sorted(added) if not _listed(fact, ADDED)] == []
    # A difference that is none any more is taken off its list.
    assert [pattern for pattern in GONE if not any(_listed(fact, [pattern]) for fact in gone)] == []
    assert [pattern for pattern in ADDED if not any(_listed(fact, [pattern]) for fact in added)] == []


def _renamed(fact: str) -> str:
    for old, new in RENAMED.items():
        fact = re.sub(rf"(?<!\w){re.escape(old)}(?!\w)", new, fact)
    return fact


def _listed(fact: str, patterns: list[str]) -> bool:
    return any(fnmatchcase(fact, pattern.replace("[", "[[]")) for pattern in patterns)
