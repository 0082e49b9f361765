"""Media storage: what a client stores here ahead of its tasks."""

from __future__ import annotations

from django.core.files.base import ContentFile, File

from avatarsite.api.problems import CODES
from avatarsite.errors import DomainError
from avatarsite.temporary_files import temporary_file
from avatarsite.web.places import ClientGone, NoPlace
from avatarsite.workspaces.models import Workspace
from studio.gateway import stored_files
from studio.gateway.errors import GatewayError
from studio.gateway.models import GatewayFile
from studio.gateway.runware.errors import TaskError, code_of
from studio.media.errors import UploadRefused
from studio.models import UploadKind
from studio.uploads.fetch import fetch_file, is_address, is_data_uri, read_data_uri, trimmed

# The client waits for the answer, and so does whoever is behind it at this worker.
FETCH_SECONDS = 20.0


def store(workspace: Workspace, source: str, parameter: str) -> GatewayFile:
    """Keep what ``source`` names or spells out. Raises TaskError with the parameter that it came in."""
    # Whether it is a portrait or a voice shows when it is used; until then the larger limit is the right one.
    kind = UploadKind.VOICE
    with temporary_file("media-") as copy:
        try:
            if is_address(source):
                content_type = fetch_file(workspace, source, copy, kind=kind, seconds=FETCH_SECONDS)
                copy.seek(0)
                return _keep(workspace, File(copy, name="media"), content_type)
            return _keep(workspace, ContentFile(read_data_uri(source, kind=kind)), _type_of(source))
        except (NoPlace, ClientGone) as error:
            raise TaskError("serviceUnavailable", str(error), parameter, status=503) from error
        except UploadRefused as refusal:
            code = "downloadFailed" if is_address(source) else f"invalid{parameter.capitalize()}"
            raise TaskError(code, _about(parameter, refusal), parameter) from refusal
        except DomainError as refusal:
            code, status = code_of(GatewayError(refusal.code)), CODES[refusal.code].status
            raise TaskError(code, str(refusal), parameter, status=status) from refusal


def _keep(workspace: Workspace, content: File[bytes], content_type: str) -> GatewayFile:
    file = stored_files.new_file(workspace, name="media", content_type=content_type)
    stored_files.keep(file, content)
    return file


def _type_of(source: str) -> str:
    return trimmed(source)[5:].partition(",")[0] if is_data_uri(source) else ""


def _about(parameter: str, refusal: UploadRefused) -> str:
    return str(refusal).replace("the voice", f"the {parameter}").replace("The voice", f"The {parameter}")
