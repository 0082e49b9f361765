"""An identity provider on loopback, as SAML 2.0 has it (Core, Bindings 3.4 and 3.5, Profiles 4.1), that signs itself.

Signatures are XML-DSig's: enveloped, exclusive canonicalization, SHA-256 and RSA.
"""

from __future__ import annotations

import base64
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from html import escape
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from lxml import etree

from tests.support.door import Door, opened

ENTITY = "https://idp.acme.example/metadata"
P, A, D = (
    "urn:oasis:names:tc:SAML:2.0:protocol",
    "urn:oasis:names:tc:SAML:2.0:assertion",
    "http://www.w3.org/2000/09/xmldsig#",
)
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
MAIL = "urn:oid:0.9.2342.19200300.100.1.3"
NAME = "urn:oid:2.16.840.1.113730.3.1.241"


@dataclass(frozen=True)
class Wrong:
    """What a person's answer has otherwise than it should."""

    key: bool = False  # signed with a key that nobody knows
    unsigned: bool = False
    changed: bool = False  # after it was signed
    audience: str = ""
    minutes: int = 0  # how long ago it was
    issuer: str = ""
    destination: str = ""
    in_response_to: str = ""
    wrapped: bool = False  # the signed one is kept beside a forged one
    raw: bytes | None = None


@dataclass
class IdentityProvider:
    address: str = ""
    name_id: str = "ada"
    email: str = "ada@acme.example"
    wrong: Wrong = Wrong()
    # By the name that the browser of a test adds to the address.
    cases: dict[str, IdentityProvider] = field(default_factory=dict)
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def certificate(self) -> str:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "idp.acme.example")])
        now = datetime.now(UTC)
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        made = made.serial_number(1).not_valid_before(now).not_valid_after(now + timedelta(days=1))
        return made.sign(self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()

    def answer(self, asked: bytes) -> bytes:
        """The response to an AuthnRequest."""
        if self.wrong.raw is not None:
            return self.wrong.raw
        request = etree.fromstring(zlib.decompress(asked, -15))
        assert request.tag == f"{{{P}}}AuthnRequest"
        there = request.get("AssertionConsumerServiceURL")
        service = request.findtext(f"{{{A}}}Issuer")
        assert urlsplit(there).path.endswith("/acs/")
        made = etree.fromstring(self._response(request.get("ID"), there, service))
        assertion = made.find(f"{{{A}}}Assertion")
        if not self.wrong.unsigned:
            key = rsa.generate_private_key(65537, 2048) if self.wrong.key else self.key
            sign(assertion, key)
        if self.wrong.changed:
            made.find(f".//{{{A}}}AttributeValue").text = "eve@acme.example"
        if self.wrong.wrapped:
            wrap(made, assertion)
        return bytes(etree.tostring(made))

    def _response(self, asked: str, there: str, service: str) -> str:
        now = datetime.now(UTC) - timedelta(minutes=self.wrong.minutes)
        soon = stamp(now + timedelta(minutes=5))
        asked = self.wrong.in_response_to or asked
        issuer = f"<a:Issuer>{self.wrong.issuer or ENTITY}</a:Issuer>"
        to = self.wrong.destination or there
        return f"""<p:Response xmlns:p="{P}" xmlns:a="{A}" ID="_{secrets.token_hex(16)}" Version="2.0"
  IssueInstant="{stamp(now)}" Destination="{to}" InResponseTo="{asked}">{issuer}
  <p:Status><p:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></p:Status>
  <a:Assertion ID="_{secrets.token_hex(16)}" Version="2.0" IssueInstant="{stamp(now)}">{issuer}
    <a:Subject><a:NameID Format="urn:oasis:names:tc:SAML:2.0:nameid-format:persistent">{self.name_id}</a:NameID>
      <a:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">
        <a:SubjectConfirmationData NotOnOrAfter="{soon}" Recipient="{to}" InResponseTo="{asked}"/>
      </a:SubjectConfirmation></a:Subject>
    <a:Conditions NotBefore="{stamp(now - timedelta(minutes=1))}" NotOnOrAfter="{soon}">
      <a:AudienceRestriction><a:Audience>{self.wrong.audience or service}</a:Audience></a:AudienceRestriction>
    </a:Conditions>
    <a:AuthnStatement AuthnInstant="{stamp(now)}"><a:AuthnContext><a:AuthnContextClassRef
      >urn:oasis:names:tc:SAML:2.0:ac:classes:Password</a:AuthnContextClassRef></a:AuthnContext></a:AuthnStatement>
    <a:AttributeStatement>
      <a:Attribute Name="{MAIL}"><a:AttributeValue>{self.email}</a:AttributeValue></a:Attribute>
      <a:Attribute Name="{NAME}"><a:AttributeValue>Ada Lovelace</a:AttributeValue></a:Attribute>
      <a:Attribute Name="http://schemas.auth0.com/email_verified"><a:AttributeValue>true</a:AttributeValue></a:Attribute>
    </a:AttributeStatement></a:Assertion></p:Response>"""


def stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def sign(assertion: Any, key: rsa.RSAPrivateKey) -> None:
    """XML-DSig, enveloped, behind the issuer."""
    digest = base64.b64encode(sha256(etree.tostring(assertion, method="c14n", exclusive=True)).digest()).decode()
    signature = etree.fromstring(f"""<d:Signature xmlns:d="{D}"><d:SignedInfo>
<d:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>
<d:SignatureMethod Algorithm="http://www.w3.org/2001/04/xmldsig-more#rsa-sha256"/>
<d:Reference URI="#{assertion.get("ID")}"><d:Transforms>
<d:Transform Algorithm="{D}enveloped-signature"/><d:Transform Algorithm="{EXCLUSIVE}"/></d:Transforms>
<d:DigestMethod Algorithm="http://www.w3.org/2001/04/xmlenc#sha256"/><d:DigestValue>{digest}</d:DigestValue>
</d:Reference></d:SignedInfo><d:SignatureValue/></d:Signature>""")
    assertion.insert(1, signature)
    said = etree.tostring(signature[0], method="c14n", exclusive=True)
    value = key.sign(said, padding.PKCS1v15(), hashes.SHA256())
    signature[1].text = base64.b64encode(value).decode()


def wrap(response: Any, signed: Any) -> None:
    """Signature wrapping: a forged assertion stands first, the signed one is carried inside it."""
    forged = etree.fromstring(etree.tostring(signed))
    forged.set("ID", "_forged")
    forged.remove(forged.find(f"{{{D}}}Signature"))
    forged.find(f".//{{{A}}}AttributeValue").text = "eve@acme.example"
    response.replace(signed, forged)
    carrier = etree.SubElement(forged, f"{{{A}}}Advice")
    carrier.append(signed)


@contextmanager
def identity_provider() -> Iterator[IdentityProvider]:
    there = IdentityProvider()

    class Site(Door):
        def do_GET(self) -> None:  # noqa: N802 -- as http.server names it
            asked = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
            case = there.cases.get(asked.get("case", ""), there)
            answer = base64.b64encode(case.answer(base64.b64decode(asked["SAMLRequest"]))).decode()
            fields = {"SAMLResponse": answer, "RelayState": asked.get("RelayState", "")}
            form = "".join(f'<input name="{name}" value="{escape(value)}">' for name, value in fields.items())
            text = f"<form method=post>{form}</form>".encode()
            self.answer("text/html", text)

    with opened(Site) as address:
        there.address = f"{address}/sso"
        yield there
