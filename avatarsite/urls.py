from __future__ import annotations

from importlib import import_module

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from avatarsite.api import urls as api
from avatarsite.inbox.views import urlpatterns as inbox
from avatarsite.legal import views as legal
from avatarsite.monitoring.health import healthz, readyz
from avatarsite.monitoring.metrics import metrics
from avatarsite.outbox import urls as outbox
from avatarsite.staff import urls as staff
from avatarsite.workspaces import urls as workspaces
from billing import urls as billing
from studio import urls as studio
from studio.agents.views import mcp
from studio.gateway import urls as gateway
from studio.misuse import views as misuse
from studio.views.files import file_urlpatterns

handler404 = "avatarsite.workspaces.views.missing.not_found"
handler500 = "avatarsite.api.views.server_error"
admin.autodiscover()
# Not by the package: that is loaded while the site, which this registers with, is being made.
for page in ("alerts", "service_notices", "switches"):
    import_module(f"avatarsite.admin.{page}")

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
    path("admin/", admin.site.urls),
    *([path("account/saml/", include("avatarsite.workspaces.signing_in.saml"))] if settings.SAML_SSO_URL else []),
    path("account/", include("allauth.urls")),
    *api.urlpatterns,
    *inbox,
    *file_urlpatterns,
    path("mcp", mcp, name="mcp"),
    path("compat/", include(gateway.urlpatterns)),
    *studio.site_urlpatterns,
    *workspaces.site_urlpatterns,
    *staff.urlpatterns,
    *legal.urlpatterns,
    *misuse.urlpatterns,
    path(
        "w/<slug:workspace>/",
        include([*studio.urlpatterns, *billing.urlpatterns, *workspaces.urlpatterns, *outbox.urlpatterns]),
    ),
]
