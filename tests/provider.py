"""An OpenID Connect provider on loopback, as strict as a real one, that tests may also let lie in one thing at a time."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from demo.loopback import Loopback, Reply, Request

CLIENT, SECRET = "sightline", "the provider's word with us"
Claims = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Grant:
    """What a code stands for."""

    redirect_uri: str
    challenge: str
    nonce: str
    claims: Claims


class IdentityProvider(Loopback):
    """Everybody is signed in as `person` at once; `lie` changes a token's claims before it is signed, `sign` signs it."""

    content_type = "application/json"

    def __init__(self) -> None:
        super().__init__()
        self.codes: dict[str, Grant] = {}
        self.rotate()
        self.honest()

    def honest(self) -> None:
        """Lies no more, and forgets what it was asked."""
        self.person: Claims = {}
        self.lie: Callable[[Claims], None] = lambda _claims: None
        self.sign: Callable[[Claims], str] = self.signed
        self.metadata: dict[str, Any] = {}
        self.asked: list[str] = []

    def rotate(self) -> None:
        """Signs with another key from now on, and offers no other."""
        self.key = RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig", "alg": "RS256"})

    def signed(self, claims: Claims) -> str:
        return jwt.encode({"alg": "RS256", "kid": self.key.kid}, claims, self.key, algorithms=["RS256"])

    def reply(self, request: Request) -> Reply:
        self.asked.append(request.path)
        answer = {
            "/.well-known/openid-configuration": self._configuration,
            "/authorize": lambda: self._authorize(dict(parse_qsl(request.query))),
            "/token": lambda: self._token(request),
            "/keys": lambda: _json(KeySet([self.key]).as_dict(private=False)),
        }.get(request.path)
        return answer() if answer else Reply(404, b"{}")

    def _configuration(self) -> Reply:
        places = {name: f"{self.url}/{path}" for name, path in (
            ("authorization_endpoint", "authorize"), ("token_endpoint", "token"), ("jwks_uri", "keys"), ("end_session_endpoint", "bye"),
        )}  # fmt: skip
        return _json({"issuer": self.url, **places, **self.metadata})

    def _authorize(self, asked: dict[str, str]) -> Reply:
        wanted = {"client_id": CLIENT, "response_type": "code", "code_challenge_method": "S256"}
        if any(asked.get(name) != value for name, value in wanted.items()) or "openid" not in asked["scope"].split():
            return _json({"error": "invalid_request"}, 400)
        code = secrets.token_urlsafe(16)
        self.codes[code] = Grant(asked["redirect_uri"], asked["code_challenge"], asked["nonce"], dict(self.person))
        back = urlencode({"code": code, "state": asked["state"], "iss": self.url})
        return Reply(302, b"", {"Location": f"{asked['redirect_uri']}?{back}"})

    def _token(self, request: Request) -> Reply:
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        basic = base64.b64encode(f"{CLIENT}:{SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            return _json({"error": "invalid_client"}, 401)
        grant = self.codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if grant is None or grant.redirect_uri != form.get("redirect_uri") or grant.challenge != challenge:
            return _json({"error": "invalid_grant"}, 400)
        now = int(time.time())
        told = {"iss": self.url, "sub": "u-1", "aud": CLIENT, "iat": now, "exp": now + 300, "nonce": grant.nonce}
        claims = told | grant.claims
        self.lie(claims)
        return _json({"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "id_token": self.sign(claims)})


def _json(body: Any, status: int = 200) -> Reply:
    return Reply(status, json.dumps(body).encode())
