"""Two people say yes in the same moment, on a real database.

``python -m tests.studio.approvals.racing`` prints, as JSON and for each round, how many renders and lines of audit
there are then, and whether what is held is one ceiling; at last what the ledger's check finds.
"""

from __future__ import annotations

import json
import sys
from threading import Barrier, Thread

import django

django.setup()

from django.db import connections  # noqa: E402

from avatarsite.audit.models import AuditEntry  # noqa: E402
from avatarsite.workspaces.models import User  # noqa: E402
from avatarsite.workspaces.tokens import make_token  # noqa: E402
from billing.ledger import posting  # noqa: E402
from billing.verify import verification  # noqa: E402
from studio.approvals.approvals import approve, ask_for_approval  # noqa: E402
from studio.models import Approval, Render  # noqa: E402
from studio.pipeline.request.consent import ApprovalNeeded  # noqa: E402
from studio.pipeline.request.render_request import RenderRequest  # noqa: E402
from studio.pipeline.request.take import take  # noqa: E402
from studio.projects import project_for_new_video  # noqa: E402
from tests.studio.api.seed import seed  # noqa: E402


def asked() -> Approval:
    portrait, voice = workspace.uploads.order_by("kind")
    request = RenderRequest(workspace, project_for_new_video(workspace), portrait, voice, token=token)
    try:
        take(request, user=user)
    except ApprovalNeeded as needed:
        return ask_for_approval(needed)
    raise AssertionError("it did not ask")


def both(approval: Approval) -> None:
    start = Barrier(2)

    def say_yes() -> None:
        try:
            row = Approval.objects.get(pk=approval.pk)
            start.wait()
            approve(row, by=user)
        finally:
            connections.close_all()

    threads = [Thread(target=say_yes) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    seed()
    user = User.objects.get(email="alice@example.org")
    workspace = user.workspaces.get()
    token, _ = make_token(workspace, user=user, name="Asks", scopes=["render"], ask_above_micros=0)
    found = []
    for number in range(1, int(sys.argv[1]) + 1):
        row = asked()
        both(row)
        held = posting.balance(workspace).held_micros
        lines = AuditEntry.objects.filter(event="approval.approved").count()
        found.append([Render.objects.count() - number, lines - number, held - number * row.ceiling_micros])
    sys.stdout.write(json.dumps({"rounds": found, "ledger": [str(finding) for finding in verification.verify()]}))
