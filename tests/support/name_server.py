"""A name server on loopback that knows TXT records, as RFC 1035 has them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

import dns.flags
import dns.message
import dns.rcode
import dns.rrset


@dataclass
class NameServer:
    """``texts`` by name; what isn’t there does not exist. While it ``refuses`` it tells nothing."""

    address: str
    texts: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    refuses: bool = False

    def answer(self, asked: bytes) -> bytes:
        query = dns.message.from_wire(asked)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True)
        self.asked.append(name)
        said = dns.message.make_response(query)
        said.flags |= dns.flags.RA
        texts = self.texts.get(name)
        if self.refuses:
            said.set_rcode(dns.rcode.REFUSED)
        elif texts is None:
            said.set_rcode(dns.rcode.NXDOMAIN)
        elif texts:
            quoted = [f'"{text}"' for text in texts]
            said.answer.append(dns.rrset.from_text(question.name, 60, "IN", "TXT", *quoted))
        return said.to_wire()


@contextmanager
def name_server() -> Iterator[NameServer]:
    door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    door.bind(("127.0.0.1", 0))
    there = NameServer(f"127.0.0.1:{door.getsockname()[1]}")

    def serve() -> None:
        while True:
            asked, who = door.recvfrom(4096)
            if not asked:
                return
            door.sendto(there.answer(asked), who)

    thread = Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield there
    finally:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", door.getsockname())
        thread.join()
        door.close()
