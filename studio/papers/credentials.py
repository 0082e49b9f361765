"""Credentials that manifests are signed with: a private key, its certificate, and those behind it.

Without settings a development certificate is made on this machine, which says so in its subject.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from avatarsite.local_secrets import kept_secret

CURVES = {256: ("ES256", hashes.SHA256()), 384: ("ES384", hashes.SHA384()), 521: ("ES512", hashes.SHA512())}
LIFE = timedelta(days=3650)
NAME = "DEVELOPMENT ONLY"
REMEDY = "Give the key as PEM without a password, and the certificates as PEM, the signer’s first and the root last."
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True, slots=True)
class Credentials:
    """A key and its certificates, the signer's own first and the root, which is our anchor, last."""

    key: Key
    chain: tuple[x509.Certificate, ...]

    @property
    def certificate(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def sent(self) -> str:
        """What goes with each signature: all but the root, which nobody takes from the file itself."""
        return _pem(self.chain[:-1] or self.chain)

    @property
    def root(self) -> str:
        return _pem(self.chain[-1:])

    @property
    def name(self) -> str:
        named = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(named[0].value) if named else self.certificate.subject.rfc4514_string()

    @property
    def is_for_development(self) -> bool:
        return any(NAME in str(name.value) for name in self.certificate.subject)

    @property
    def algorithm(self) -> str:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return CURVES[self.key.curve.key_size][0]
        return "PS256" if isinstance(self.key, rsa.RSAPrivateKey) else "ED25519"

    def sign(self, data: bytes) -> bytes:
        """The signature as COSE has it."""
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(data)
        if isinstance(self.key, rsa.RSAPrivateKey):
            salted = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            return self.key.sign(data, salted, hashes.SHA256())
        size = (self.key.curve.key_size + 7) // 8
        pair = decode_dss_signature(self.key.sign(data, ec.ECDSA(CURVES[self.key.curve.key_size][1])))
        return b"".join(number.to_bytes(size, "big") for number in pair)


def credentials() -> Credentials:
    """Those of the settings, else the development ones. Raises ImproperlyConfigured."""
    key, certificates = settings.C2PA_PRIVATE_KEY, settings.C2PA_CERTIFICATES
    if not key and not certificates:
        key = certificates = kept_secret(settings.VAR_DIR / "c2pa-development.pem", _made_here)
    return _read(key, certificates)


@cache
def _read(key: str, certificates: str) -> Credentials:
    try:
        chain = tuple(x509.load_pem_x509_certificates(certificates.encode()))
        private = serialization.load_pem_private_key(key.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"C2PA_PRIVATE_KEY and C2PA_CERTIFICATES can’t be read. {REMEDY}") from error
    if not isinstance(private, Key):
        raise ImproperlyConfigured(f"C2PA_PRIVATE_KEY is neither EC, RSA nor Ed25519. {REMEDY}")
    if private.public_key() != chain[0].public_key():
        raise ImproperlyConfigured(f"C2PA_PRIVATE_KEY is not that of the first certificate. {REMEDY}")
    if chain[-1].issuer != chain[-1].subject:
        raise ImproperlyConfigured(f"C2PA_CERTIFICATES end without their root. {REMEDY}")
    return Credentials(private, chain)


def _made_here() -> str:
    """A key, its certificate, and a root for it alone, whose own key is thrown away."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name, name = _name("Avatar Studio development root"), _name(f"Avatar Studio, {NAME}")
    root = (
        _certificate(root_name, root_name, root_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    behind = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    own = (
        _certificate(name, root_name, key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
        .add_extension(behind, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    plain = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*plain).decode() + _pem((own, root))


def _name(common: str) -> x509.Name:
    words = {NameOID.ORGANIZATION_NAME: f"Avatar Studio ({NAME})", NameOID.COMMON_NAME: common}
    return x509.Name([x509.NameAttribute(*word) for word in words.items()])


def _certificate(name: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(**allowed: bool) -> x509.KeyUsage:
    every: dict[str, Any] = dict.fromkeys(
        (
            *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
            *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
        ),
        False,
    )
    return x509.KeyUsage(**every | allowed)


def _pem(certificates: tuple[x509.Certificate, ...]) -> str:
    return "".join(one.public_bytes(serialization.Encoding.PEM).decode() for one in certificates)
