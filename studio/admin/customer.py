"""The studio's panels of a customer's page: the last renders, and the alerts about anything that is the customer's."""

from __future__ import annotations

from typing import Any

from avatarsite.models import Alert
from avatarsite.staff.customer import Panel, add_panel
from avatarsite.workspaces.models import Workspace
from billing.models import TopUp
from studio.models import ProviderJob, Render

ROWS = 10
LOOKED_AT = 500


def _renders(workspace: Workspace) -> dict[str, Any]:
    renders = Render.objects.for_workspace(workspace).select_related("requested_by").order_by("-pk")
    return {"renders": list(renders[:ROWS])}


def _alerts(workspace: Workspace) -> dict[str, Any]:
    """Open alerts that name the workspace, or a render, job or top-up of its."""
    found = Alert.objects.filter(closed_at=None).order_by("-last_at")[:LOOKED_AT]
    named = {alert: {alert.key, *map(str, alert.detail.values())} for alert in found}
    words = {word for each in named.values() for word in each}
    mine = {
        workspace.pk,
        *Render.objects.filter(workspace=workspace, pk__in=words).values_list("pk", flat=True),
        *ProviderJob.objects.filter(render__workspace=workspace, pk__in=words).values_list("pk", flat=True),
        *TopUp.objects.filter(workspace=workspace, pk__in=words).values_list("pk", flat=True),
    }
    return {"alerts": [alert for alert, its in named.items() if its & mine][:ROWS]}


add_panel(Panel(10, "Open alerts", "site.view_alert", "admin/customer/alerts.html", _alerts))
add_panel(Panel(40, "Last videos", "studio.view_render", "admin/customer/renders.html", _renders))
