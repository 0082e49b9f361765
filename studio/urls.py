"""Routes of the studio in a workspace, relative to ``/w/<slug>/``."""

from __future__ import annotations

from django.urls import path

from studio.agents.views import agents
from studio.gateway import pages as gateway
from studio.lifecycle import urls as lifecycle
from studio.verify.views import verify_urlpatterns
from studio.views import (
    approvals,
    batches,
    captions,
    change,
    content,
    front,
    projects,
    renditions,
    uploads,
    video,
    videos,
)
from studio.views.maker import new_video, pronunciations, snippets, speech
from studio.views.sharing import reviews, share, shared

urlpatterns = [
    path("", videos.workspace_home, name="workspace_home"),
    path("header-status/", videos.header_status, name="header_status"),
    path("videos/", videos.videos, name="videos"),
    path("videos/live/", videos.videos_live, name="videos_live"),
    path("videos/new/", new_video.video_new, name="video_new"),
    path("videos/quote/", new_video.video_quote, name="video_quote"),
    path("videos/code/", snippets.video_code, name="video_code"),
    path("videos/bin/", videos.videos_bin, name="videos_bin"),
    path("videos/bulk/", videos.videos_bulk, name="videos_bulk"),
    path("videos/<slug:render>/", video.video, name="video"),
    path("videos/<slug:render>/takes/", video.video_takes, name="video_takes"),
    path("videos/<slug:render>/status/", video.video_status, name="video_status"),
    path("videos/<slug:render>/file", video.video_file, name="video_file"),
    path("videos/<slug:render>/change/", change.video_change, name="video_change"),
    path("videos/<slug:render>/cancel/", video.video_cancel, name="video_cancel"),
    path("videos/<slug:render>/formats/", renditions.video_formats, name="video_formats"),
    path("videos/<slug:render>/formats/<slug:form>", renditions.video_format_file, name="video_format_file"),
    path("videos/<slug:render>/give-up/", video.video_give_up, name="video_give_up"),
    path("videos/<slug:render>/mail/", video.video_mail, name="video_mail"),
    path("videos/<slug:render>/retry/", video.video_retry, name="video_retry"),
    path("videos/<slug:render>/real/", video.video_real, name="video_real"),
    path("videos/<slug:render>/release/", content.video_release, name="video_release"),
    path("videos/<slug:render>/rename/", video.video_rename, name="video_rename"),
    path("videos/<slug:render>/delete/", video.video_delete, name="video_delete"),
    path("videos/<slug:render>/captions/", captions.video_captions, name="video_captions"),
    path("videos/<slug:render>/captions/cues/", captions.video_cues, name="video_cues"),
    path("videos/<slug:render>/captions/status/", captions.video_captions_status, name="video_captions_status"),
    path("videos/<slug:render>/captions/delete/", captions.video_captions_delete, name="video_captions_delete"),
    path("videos/<slug:render>/captions.<slug:kind>", captions.video_captions_file, name="video_captions_file"),
    path("videos/<slug:render>/comments/<slug:comment>/", reviews.video_comment, name="video_comment"),
    path("videos/<slug:render>/share/", share.video_share, name="video_share"),
    path("videos/<slug:render>/share/<slug:link>/revoke/", share.video_share_revoke, name="video_share_revoke"),
    path("batches/", batches.batches, name="batches"),
    path("batches/template.csv", batches.batch_template, {"kind": "csv"}, name="batch_template_csv"),
    path("batches/template.xlsx", batches.batch_template, {"kind": "xlsx"}, name="batch_template_xlsx"),
    path("batches/<slug:table>/", batches.batch, name="batch"),
    path("batches/<slug:table>/status/", batches.batch_status, name="batch_status"),
    path("batches/<slug:table>/make/", batches.batch_make, name="batch_make"),
    path("batches/<slug:table>/retry/", batches.batch_retry, name="batch_retry"),
    path("batches/<slug:table>/discard/", batches.batch_discard, name="batch_discard"),
    path("batches/<slug:table>/manifest.<slug:kind>", batches.batch_manifest, name="batch_manifest"),
    path("batches/<slug:table>/videos.zip", batches.batch_videos, name="batch_videos"),
    path("settings/content/", content.content_settings, name="content_settings"),
    path("pronunciations/", pronunciations.pronunciations, name="pronunciations"),
    path(
        "pronunciations/<slug:pronunciation>/delete/", pronunciations.pronunciation_delete, name="pronunciation_delete"
    ),
    path("speech/sample/", pronunciations.speech_sample, name="speech_sample"),
    path("speech/", speech.speech_add, name="speech_add"),
    path("speech/estimate/", speech.speech_estimate, name="speech_estimate"),
    path("speech/<slug:speech>/", speech.speech_status, name="speech_status"),
    path("projects/", projects.projects, name="projects"),
    path("projects/new/", projects.project_new, name="project_new"),
    path("projects/<slug:project>/", projects.project, name="project"),
    path("projects/<slug:project>/change/", projects.project_change, name="project_change"),
    path("projects/<slug:project>/archive/", projects.project_archive, name="project_archive"),
    path("projects/<slug:project>/restore/", projects.project_restore, name="project_restore"),
    path("uploads/", uploads.uploads, name="uploads"),
    path("uploads/add/", uploads.upload_add, name="upload_add"),
    path("uploads/choices/", uploads.upload_choices, name="upload_choices"),
    path("uploads/samples/", uploads.upload_samples, name="upload_samples"),
    path("uploads/<slug:upload>/slot/", uploads.upload_slot, name="upload_slot"),
    path("uploads/<slug:upload>/crop/", uploads.upload_crop, name="upload_crop"),
    path("uploads/<slug:upload>/delete/", uploads.upload_delete, name="upload_delete"),
    path("developers/agents/", agents, name="agents"),
    path("approvals/", approvals.approvals, name="approvals"),
    path("approvals/<slug:approval>/", approvals.approval_decide, name="approval_decide"),
    path("developers/drop-in/", gateway.gateway, name="gateway"),
    *lifecycle.urlpatterns,
]

site_urlpatterns = [
    path("", front.front, name="home"),
    path("price/", front.estimate, name="estimate"),
    *shared.share_urlpatterns,
    *verify_urlpatterns,
    *lifecycle.site_urlpatterns,
]
