"""Routes of fal: those of a host of its own, and all of them below one path."""

from __future__ import annotations

from django.urls import path

from studio.gateway.fal import storage, views
from studio.gateway.files import file

queue = [
    path("<slug:owner>/<slug:app>/requests/<str:request_id>/status/stream", views.stream, name="gateway_fal_stream"),
    path("<slug:owner>/<slug:app>/requests/<str:request_id>/status", views.status, name="gateway_fal_status"),
    path("<slug:owner>/<slug:app>/requests/<str:request_id>/cancel", views.cancel, name="gateway_fal_cancel"),
    path("<slug:owner>/<slug:app>/requests/<str:request_id>/response", views.result, name="gateway_fal_response"),
    path("<slug:owner>/<slug:app>/requests/<str:request_id>", views.result, name="gateway_fal_result"),
    path("<path:model>", views.submit, name="gateway_fal_submit"),
]
run = [path("<path:model>", views.run, name="gateway_fal_run")]
rest = [
    path("storage/auth/token", storage.upload_token, name="gateway_fal_upload_token"),
    path("storage/upload/initiate", storage.initiate, name="gateway_fal_initiate"),
    path("storage/upload/initiate-multipart", storage.initiate, name="gateway_fal_initiate_multipart"),
    path(".well-known/jwks.json", storage.key_list, name="gateway_fal_jwks"),
]
cdn = [
    path("files/upload", storage.upload, name="gateway_fal_upload"),
    path("files/upload/multipart", storage.begin_multipart, name="gateway_fal_multipart"),
    path("upload/<uuid:file_id>", storage.upload_signed, name="gateway_fal_upload_signed"),
    path("upload/<uuid:file_id>/complete", storage.complete_signed, name="gateway_fal_upload_signed_complete"),
    path("upload/<uuid:file_id>/<int:number>", storage.upload_signed_part, name="gateway_fal_upload_signed_part"),
    path(
        "files/b/<uuid:file_id>/<str:name>/multipart/<str:upload_id>/complete",
        storage.complete_multipart,
        name="gateway_fal_multipart_complete",
    ),
    path(
        "files/b/<uuid:file_id>/<str:name>/multipart/<str:upload_id>/<int:number>",
        storage.upload_part,
        name="gateway_fal_multipart_part",
    ),
    path("files/b/<uuid:file_id>/<str:name>", file, name="gateway_file"),
]
platform_api = [path("v1/models/pricing", views.pricing, name="gateway_fal_pricing")]
