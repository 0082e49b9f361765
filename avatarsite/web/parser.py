"""Parser of requests, before they take a thread: their size, and that no two servers read them differently.

A request that is refused here is still answered by the application, which knows the form of its entry point.
"""

from __future__ import annotations

import logging
import select
import socket
from typing import Any

from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.task import ErrorTask, WSGITask
from waitress.utilities import Error, RequestEntityTooLarge

from avatarsite.http.entry_points import REFUSAL, max_bytes
from avatarsite.outages.answers import DISK
from avatarsite.outages.busy import TURNED_AWAY
from avatarsite.web import places

logger = logging.getLogger(__name__)

BOTH_LENGTHS = "The request has both a Content-Length and a Transfer-Encoding. Send one of them."
CHUNKED_BEFORE_1_1 = "Transfer-Encoding needs HTTP/1.1. Send a Content-Length."
REASONS = (BOTH_LENGTHS, CHUNKED_BEFORE_1_1, DISK.sentence)


class NoRoom(Error):  # type: ignore[misc]
    code, reason = 503, "Service Unavailable"


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    most = 0
    turned_away = ""
    came_at = 0.0

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.chunked and "CONTENT_LENGTH" in self.headers:
            raise ParsingError(BOTH_LENGTHS)
        if "TRANSFER_ENCODING" in self.headers:  # left there by what is no HTTP/1.1
            raise ParsingError(CHUNKED_BEFORE_1_1)
        self.most = max_bytes(self.path)
        # Nobody is told to go on who has nothing to send, or too much of it.
        if self.body_rcv is None or self.content_length > self.most:
            self.expect_continue = False

    def received(self, data: bytes) -> int:
        try:
            consumed: int = super().received(data)
        except OSError:  # a large body is put on the disk
            logger.exception("a body could not be taken")
            self.error, self.completed = NoRoom(DISK.sentence), True
            return len(data)
        if self.body_rcv is not None and max(self.content_length, len(self.body_rcv)) > self.most:
            self.error, self.completed = RequestEntityTooLarge(""), True
        return consumed


class Refused(WSGITask):  # type: ignore[misc]
    """A request that could be read as far as its address: the application says in its own form what is wrong."""

    def execute(self) -> None:
        self.set_close_on_finish()
        super().execute()

    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        error = self.request.error
        # What of a body may have come is nobody's to read.
        reason = error.body if error.body in REASONS else ""
        environ |= {REFUSAL: (error.code, reason), "CONTENT_LENGTH": "0"}
        return environ


def refuse(channel: HTTPChannel, request: HTTPRequestParser) -> ErrorTask | Refused:
    is_read = request.error.code in (400, 413, 501, 503) and hasattr(request, "path")
    return Refused(channel, request) if is_read else ErrorTask(channel, request)


class Answered(WSGITask):  # type: ignore[misc]
    def get_environment(self) -> dict[str, Any]:
        environ: dict[str, Any] = super().get_environment()
        if self.request.turned_away:
            environ[TURNED_AWAY] = self.request.turned_away
        return environ

    def build_response_header(self) -> bytes:
        if places.are_closed():  # the next request is another process's
            self.request.headers["CONNECTION"] = "close"
        header: bytes = super().build_response_header()
        return header


class Channel(HTTPChannel):  # type: ignore[misc]
    parser_class = Parser
    task_class = Answered
    error_task_class = staticmethod(refuse)

    def check_client_disconnected(self) -> bool:
        """Also of one whose further requests stand unread before the end of the connection."""
        return not self.connected or _has_hung_up(self.socket)


def is_at_work(channel: HTTPChannel) -> bool:
    """Whether a request is coming, worked on or being answered."""
    return bool(channel.request or channel.requests or channel.total_outbufs_len)


def _has_hung_up(line: socket.socket) -> bool:
    try:
        look = select.poll()
        look.register(line, getattr(select, "POLLRDHUP", select.POLLHUP))
        return bool(look.poll(0))
    except (OSError, ValueError):  # closed meanwhile
        return True
