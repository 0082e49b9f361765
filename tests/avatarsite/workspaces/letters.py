"""Reading the mail that tests cause."""

from __future__ import annotations

import re

from django.core.mail import EmailMultiAlternatives

from tests.support.mails import posted


def letter_to(address: str) -> EmailMultiAlternatives:
    """The last letter to this address."""
    found = [letter for letter in posted() if letter.to == [address]]
    assert found, f"no letter to {address} among {[letter.to for letter in posted()]}"
    return found[-1]


def path_in(letter: EmailMultiAlternatives) -> str:
    """The path of the first link in a letter, without the host."""
    match = re.search(r"https?://[^/\s]+(/\S+)", str(letter.body))
    assert match, letter.body
    return match[1]
