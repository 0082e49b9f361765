"""Routes of making videos, relative to ``/api/v1/``."""

from __future__ import annotations

from django.urls import path

from studio.api import (
    approvals,
    batches,
    captions,
    catalogue,
    parts,
    problems,
    projects,
    renders,
    storage,
    uploads,
    voices,
)
from studio.api.sharing import comments, shares
from studio.verify.api import Verify

__all__ = ["problems", "urlpatterns"]  # importing the problems declares them

urlpatterns = [
    path("models", catalogue.Models.as_view(), name="api_models"),
    path("models/<slug:model>", catalogue.OneModel.as_view(), name="api_model"),
    path("offers", catalogue.Offers.as_view(), name="api_offers"),
    path("quotes", catalogue.Quotes.as_view(), name="api_quotes"),
    path("storage", storage.Storage.as_view(), name="api_storage"),
    path("uploads", uploads.Uploads.as_view(), name="api_uploads"),
    path("uploads/slots", uploads.Slots.as_view(), name="api_slots"),
    path("uploads/slots/<slug:slot>/complete", uploads.CompleteSlot.as_view(), name="api_slot_complete"),
    path("uploads/<slug:upload>", uploads.OneUpload.as_view(), name="api_upload"),
    path("uploads/<slug:upload>/crops", uploads.Crops.as_view(), name="api_upload_crops"),
    path("uploads/<slug:upload>/file", uploads.UploadFile.as_view(), name="api_upload_file"),
    path("slots/<str:token>", uploads.SlotFile.as_view(), name="api_slot_file"),
    path("renders", renders.Renders.as_view(), name="api_renders"),
    path("renders/<slug:render>", renders.OneRender.as_view(), name="api_render"),
    path("renders/<slug:render>/cancel", renders.CancelRender.as_view(), name="api_render_cancel"),
    path("renders/<slug:render>/give-up", renders.GiveUpRender.as_view(), name="api_render_give_up"),
    path("renders/<slug:render>/retry", renders.RetryRender.as_view(), name="api_render_retry"),
    path("renders/<slug:render>/release", renders.ReleaseRender.as_view(), name="api_render_release"),
    path("renders/<slug:render>/restore", renders.RestoreRender.as_view(), name="api_render_restore"),
    path("renders/<slug:render>/events", renders.RenderEvents.as_view(), name="api_render_events"),
    path("renders/<slug:render>/outputs", renders.RenderOutputs.as_view(), name="api_render_outputs"),
    path("renders/<slug:render>/parts/<int:number>", parts.RenderPart.as_view(), name="api_render_part"),
    path("renders/<slug:render>/outputs/<str:output>", renders.RenderOutput.as_view(), name="api_render_output"),
    path("renders/<slug:render>/captions", captions.RenderCaptions.as_view(), name="api_render_captions"),
    path("renders/<slug:render>/shares", shares.RenderShares.as_view(), name="api_render_shares"),
    path("renders/<slug:render>/comments", comments.RenderComments.as_view(), name="api_render_comments"),
    path("comments/<slug:comment>", comments.OneComment.as_view(), name="api_comment"),
    path("shares/<slug:share>", shares.OneShare.as_view(), name="api_share"),
    path("verify", Verify.as_view(), name="api_verify"),
    path("approvals", approvals.Approvals.as_view(), name="api_approvals"),
    path("approvals/<slug:approval>", approvals.OneApproval.as_view(), name="api_approval"),
    path("voices", voices.Voices.as_view(), name="api_voices"),
    path("voices/<str:speaker>/sample", voices.VoiceSample.as_view(), name="api_voice_sample"),
    path("voices/<slug:speech>", voices.OneVoice.as_view(), name="api_voice"),
    path("pronunciations", voices.Pronunciations.as_view(), name="api_pronunciations"),
    path("pronunciations/<slug:pronunciation>", voices.OnePronunciation.as_view(), name="api_pronunciation"),
    path("batches", batches.Batches.as_view(), name="api_batches"),
    path("batches/quotes", batches.BatchQuotes.as_view(), name="api_batch_quotes"),
    path("batches/<slug:batch>", batches.OneBatch.as_view(), name="api_batch"),
    path("projects", projects.Projects.as_view(), name="api_projects"),
    path("projects/<slug:project>", projects.OneProject.as_view(), name="api_project"),
]
