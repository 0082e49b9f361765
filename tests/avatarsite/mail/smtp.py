"""A mail server on loopback that takes mail, or refuses, hangs or hangs up as it is told."""

from __future__ import annotations

import asyncio
import email
import email.policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller

from tests.support.servers import free_ports


class MailServer:
    """``mood`` is what it does now: ``takes``, ``away``, ``try later``, ``refuses``, ``hangs`` or ``drops``.

    ``drops`` reads the whole message and ends the connection without a word. ``poison`` is an address that is refused.
    """

    def __init__(self) -> None:
        (self.port,) = free_ports(1)
        self.mood = "takes"
        self.poison = ""
        self.got: list[EmailMessage] = []
        self.conversations = 0
        self._controller: Controller | None = None

    def set(self, mood: str) -> None:
        self.mood = mood
        if mood == "away":
            self.stop()
        elif self._controller is None:
            self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
            self._controller.start()

    def stop(self) -> None:
        if self._controller:
            self._controller.stop()
            self._controller = None

    async def handle_EHLO(self, _server: Any, session: Any, _envelope: Any, name: str, words: list[str]) -> list[str]:  # noqa: N802
        self.conversations += 1
        if self.mood == "hangs":
            await asyncio.Event().wait()
        session.host_name = name
        return words

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any) -> str:  # noqa: N802
        if self.mood == "try later":
            return "451 4.7.1 Greylisted, try again later"
        if self.mood == "refuses" or address == self.poison:
            return "550 5.7.1 Relaying denied"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        if self.mood == "drops":
            server.transport.abort()
            return "250 never heard"
        self.got.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[arg-type]
        return "250 OK"

    @property
    def delivered(self) -> list[tuple[str, str]]:
        """Whom and what, in alphabetical order."""
        return sorted((str(message["To"]), str(message["Subject"])) for message in self.got)
