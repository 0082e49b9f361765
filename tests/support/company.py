"""A company's OpenID Connect server on loopback, as OpenID Connect Core 1.0 and Discovery 1.0 have it."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.door import Door, opened

CLIENT, SECRET = "the-studio", "a-secret-of-the-company"


@dataclass
class Company:
    """``person`` is who sits at the company's page: their claims, or nobody, who turns back."""

    address: str = ""
    person: dict[str, Any] | None = None
    key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    tokens: dict[str, dict[str, Any]] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "userinfo_endpoint": f"{self.address}/userinfo",
            "jwks_uri": f"{self.address}/keys",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        }

    def authorize(self, asked: dict[str, str]) -> str:
        """Where the browser is sent."""
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert {"openid", "email"} <= set(asked["scope"].split())
        answer = {"state": asked["state"]}
        if self.person is None:
            return f"{asked['redirect_uri']}?{urlencode(answer | {'error': 'access_denied'})}"
        code = secrets.token_urlsafe()
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?{urlencode(answer | {'code': code})}"

    def token(self, asked: dict[str, str]) -> dict[str, Any]:
        begun = self.codes.pop(asked["code"])
        assert (asked["client_id"], asked["client_secret"]) == (CLIENT, SECRET)
        assert asked["redirect_uri"] == begun["redirect_uri"]
        assert asked["code_verifier"]
        assert self.person is not None
        access, now = secrets.token_urlsafe(), int(time.time())
        self.tokens[access] = self.person
        claims = self.person | {"iss": self.address, "aud": CLIENT, "iat": now, "exp": now + 300}
        signed = jwt.encode(claims, self.key, "RS256", {"kid": "one"})
        return {"access_token": access, "token_type": "Bearer", "expires_in": 300, "id_token": signed}

    def keys(self) -> dict[str, Any]:
        public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.key.public_key()))
        return {"keys": [public | {"kid": "one", "use": "sig", "alg": "RS256"}]}


@contextmanager
def company() -> Iterator[Company]:
    there = Company()

    class Site(Door):
        def do_GET(self) -> None:  # noqa: N802 -- as http.server names it
            path, asked = urlsplit(self.path).path, _form(urlsplit(self.path).query)
            if path == "/authorize":
                self.send_response(302)
                self.send_header("Location", there.authorize(asked))
                self.end_headers()
                return
            bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
            routes = {
                "/.well-known/openid-configuration": there.document,
                "/keys": there.keys,
                "/userinfo": lambda: there.tokens[bearer],
            }
            self._answer(routes[path]())

        def do_POST(self) -> None:  # noqa: N802 -- as http.server names it
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer(there.token(_form(body)))

        def _answer(self, found: dict[str, Any]) -> None:
            text = json.dumps(found).encode()
            self.answer("application/json", text)

    with opened(Site) as address:
        there.address = address
        yield there


def _form(text: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(text).items()}
