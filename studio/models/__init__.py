"""The studio's rows. They are imported from here, whatever file they stand in."""

from studio.models.approvals import Approval, ApprovalState
from studio.models.batches import BatchRow, BatchTable, RowState, TableState
from studio.models.captions import CaptionLook, Captions, CaptionSource, CaptionState
from studio.models.content import ContentChoice
from studio.models.days import OfferDay
from studio.models.deliveries import Delivery, DeliveryState
from studio.models.files import FileKind, FileState, Retention, StorageUse, StoredFile
from studio.models.jobs import JobStatus, OfferHealth, Outcome, ProviderBalance, ProviderJob
from studio.models.papers import Papers, RightsStatement, SigningCertificate
from studio.models.projects import Project
from studio.models.renders import Render, RenderEvent, RenderGroup, RenderState
from studio.models.renditions import Rendition, RenditionFormat, RenditionState, rendition_files
from studio.models.routing import Turn, UsualRouting
from studio.models.sharing import ReviewComment, ShareLink, Verdict
from studio.models.speech import Pronunciation, Speech, SpeechPart, SpeechState
from studio.models.tags import Tag
from studio.models.uploads import Listening, Upload, UploadKind, UploadSlot
from studio.models.wholes import Part, Whole

__all__ = [
    "Approval",
    "ApprovalState",
    "BatchRow",
    "BatchTable",
    "CaptionLook",
    "CaptionSource",
    "CaptionState",
    "Captions",
    "ContentChoice",
    "Delivery",
    "DeliveryState",
    "FileKind",
    "FileState",
    "JobStatus",
    "Listening",
    "OfferDay",
    "OfferHealth",
    "Outcome",
    "Papers",
    "Part",
    "Project",
    "Pronunciation",
    "ProviderBalance",
    "ProviderJob",
    "Render",
    "RenderEvent",
    "RenderGroup",
    "RenderState",
    "Rendition",
    "RenditionFormat",
    "RenditionState",
    "Retention",
    "ReviewComment",
    "RightsStatement",
    "RowState",
    "ShareLink",
    "SigningCertificate",
    "Speech",
    "SpeechPart",
    "SpeechState",
    "StorageUse",
    "StoredFile",
    "TableState",
    "Tag",
    "Turn",
    "Upload",
    "UploadKind",
    "UploadSlot",
    "UsualRouting",
    "Verdict",
    "Whole",
    "rendition_files",
]
