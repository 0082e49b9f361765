"""Names of mail domains, and those that nobody's workspace may have."""

from __future__ import annotations

import idna

from avatarsite.workspaces.errors import DomainRefused

# Anybody can have an address there.
PUBLIC = frozenset(
    {
        "163.com",
        "126.com",
        "aol.com",
        "bluewin.ch",
        "btinternet.com",
        "comcast.net",
        "duck.com",
        "fastmail.com",
        "free.fr",
        "gmail.com",
        "gmx.at",
        "gmx.ch",
        "gmx.com",
        "gmx.de",
        "gmx.net",
        "googlemail.com",
        "hey.com",
        "hotmail.co.uk",
        "hotmail.com",
        "hotmail.de",
        "hotmail.fr",
        "icloud.com",
        "laposte.net",
        "libero.it",
        "live.com",
        "mac.com",
        "mail.com",
        "mail.ru",
        "mailbox.org",
        "me.com",
        "msn.com",
        "naver.com",
        "orange.fr",
        "outlook.com",
        "outlook.de",
        "pm.me",
        "posteo.de",
        "proton.me",
        "protonmail.com",
        "qq.com",
        "rediffmail.com",
        "sina.com",
        "t-online.de",
        "tuta.com",
        "tutanota.com",
        "uol.com.br",
        "verizon.net",
        "wanadoo.fr",
        "web.de",
        "yahoo.co.jp",
        "yahoo.co.uk",
        "yahoo.com",
        "yahoo.de",
        "yahoo.fr",
        "yandex.com",
        "yandex.ru",
        "ymail.com",
        "zoho.com",
    }
)


def domain_name(text: str) -> str:
    """``acme.example`` of what somebody types, in letters that DNS has. Raises DomainRefused."""
    name = _ascii(text.strip().removeprefix("@"))
    if "." not in name:
        raise DomainRefused("This is not a mail domain. Write what stands behind the @, such as acme.example.")
    if name in PUBLIC:
        raise DomainRefused(f"Anybody can have an address of {name}. Invite people one by one instead.")
    return name


def domain_of(email: str) -> str:
    """The domain of an address; empty where there is none that DNS could have."""
    return _ascii(email.rpartition("@")[2])


def _ascii(name: str) -> str:
    try:
        return idna.encode(name.rstrip("."), uts46=True, std3_rules=True).decode()
    except idna.IDNAError:
        return ""
