"""Routes of what a workspace has, relative to ``/w/<slug>/``."""

from __future__ import annotations

from django.urls import path

from studio.lifecycle import views

urlpatterns = [
    path("settings/data/", views.workspace_data, name="workspace_data"),
    path("settings/close/", views.workspace_close, name="workspace_close"),
    path("settings/close/undo/", views.workspace_have_back, name="workspace_have_back"),
    path("settings/data/exports/", views.export_make, name="export_make"),
    path("settings/data/exports/<slug:export>/cancel/", views.export_cancel, name="export_cancel"),
    path("settings/data/exports/<slug:export>/file", views.export_file, name="export_file"),
]

# Of a person.
site_urlpatterns = [
    path("me/close/", views.account_close, name="account_close"),
    path("me/close/undo/", views.account_stay, name="account_stay"),
]
