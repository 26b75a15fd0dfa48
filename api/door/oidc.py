"""The organisation's OpenID Connect provider, asked through Authlib: where to send somebody, and who came back.

Authorization code with PKCE, state and nonce. Of an ID token everything is checked: its signature by a key of the issuer's own, and an
algorithm that only the holder of a private key can sign with, its issuer, audience, times and nonce.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.common.urls import add_params_to_uri
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.claims import JWTClaims
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from api.deps import NotReady, SignInFailed
from api.door.attempt import Attempt
from ledger.sessions import Identity
from sync.configuration.sign_in import LOOPBACK, SignIn, Tokens

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512")
TIMEOUT = 10.0
LEEWAY = 60
"""Seconds that the provider's clock may differ from ours."""
KEPT_FOR = 3600.0
"""Seconds for which what the provider tells of itself is believed."""
ASK_AGAIN_AFTER = 5.0
"""Seconds before an unknown key lets its keys be asked for again: made-up keys must not make us ask without end."""


class Providers:
    """The provider of the settings in force; another one when they change. Safe to share between threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self.clock = clock
        self._provider: Provider | None = None

    def under(self, settings: SignIn) -> Provider:
        found = self._provider
        if found is None or found.settings != settings:
            found = self._provider = Provider(settings, self.clock)
        return found


class Provider:
    """One provider under one set of settings. Safe to share between threads."""

    def __init__(self, settings: SignIn, clock: Callable[[], datetime]) -> None:
        self.settings, self.clock = settings, clock
        self._lock = threading.Lock()
        self._metadata: Mapping[str, Any] = {}
        self._keys: KeySet | None = None
        self._learned = self._keys_at = -KEPT_FOR
        self.server_time: datetime | None = None

    @property
    def back(self) -> str:
        """Where the provider sends people back to."""
        return f"{self.settings.url}/sign-in/back"

    def authorization_url(self, attempt: Attempt) -> str:
        """Where somebody signs in.

        Raises:
            NotReady: the provider does not answer, or is another one than configured.
        """
        with self._client() as client:
            url, _ = client.create_authorization_url(
                self.metadata()["authorization_endpoint"],
                state=attempt.state,
                nonce=attempt.nonce,
                code_verifier=attempt.verifier,
            )
        return str(url)

    def identity(self, code: str, attempt: Attempt) -> Identity:
        """Whose code this is.

        Raises:
            NotReady: the provider does not answer.
            SignInFailed: it does not take the code, or its token is not good.
        """
        with self._client() as client:
            try:
                told = client.fetch_token(
                    self.metadata()["token_endpoint"],
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=attempt.verifier,
                    timeout=TIMEOUT,
                    allow_redirects=False,
                )
            except OAuthError as error:
                raise SignInFailed(
                    f"the identity provider does not take this sign-in ({error.error}): sign in anew"
                ) from None
            except (requests.RequestException, ValueError) as error:
                raise self._silent(error) from None
        try:
            return self._read(self._claims(told, attempt.nonce))
        except JoseError as error:
            raise _not_good(error) from None

    def bearer(self, token: str, tokens: Tokens) -> Identity:
        """Whose access token this is.

        Raises:
            NotReady: the provider does not answer.
            SignInFailed: the token is not good.
        """
        try:
            read = self._decoded(token)
            claims = JWTClaims(read.claims, read.header, _made(tokens.issuer or self.settings.issuer, tokens.audience))
            claims.validate(now=int(self.clock().timestamp()), leeway=LEEWAY)
        except JoseError as error:
            raise _not_good(error) from None
        return self._read(claims)

    def end_session_url(self, email: str) -> str | None:
        """Where somebody signs out at the provider itself, who then sends them back to /signed-out; None where it offers no such place.

        Raises:
            NotReady: the provider does not answer.
        """
        place = self.metadata().get("end_session_endpoint")
        after = {
            "client_id": self.settings.client_id,
            "logout_hint": email,
            "post_logout_redirect_uri": f"{self.settings.url}/signed-out",
        }
        return add_params_to_uri(place, after) if place else None

    def metadata(self) -> Mapping[str, Any]:
        """What the provider tells of itself.

        Raises:
            NotReady: it does not answer, is another issuer than configured, or names no protected addresses.
        """
        with self._lock:
            if time.monotonic() - self._learned >= KEPT_FOR:
                self._metadata = self._learn()
                self._learned = time.monotonic()
            return self._metadata

    def keys(self, *, anew: bool = False) -> KeySet:
        """The keys that the provider signs with. `anew`: it has used one that we do not know.

        Raises:
            NotReady: it does not answer with a key set.
        """
        place = self.metadata()["jwks_uri"]
        with self._lock:
            age = time.monotonic() - self._keys_at
            if self._keys is None or age >= (ASK_AGAIN_AFTER if anew else KEPT_FOR):
                try:
                    self._keys = KeySet.import_key_set(self._get(place))
                except JoseError as error:
                    raise NotReady(f"{place} has no keys that can be read ({error.error})") from None
                self._keys_at = time.monotonic()
            return self._keys

    def _client(self) -> OAuth2Session:
        s = self.settings
        offered = self.metadata().get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        way = "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"
        return OAuth2Session(
            s.client_id,
            s.client_secret.get_secret_value() if s.client_secret else None,
            token_endpoint_auth_method=way if s.client_secret else "none",
            scope=" ".join(s.scopes),
            redirect_uri=self.back,
            code_challenge_method="S256",
        )

    def _learn(self) -> Mapping[str, Any]:
        issuer = self.settings.issuer
        told: Mapping[str, Any] = self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if told.get("issuer") != issuer:
            raise NotReady(
                f"sign_in.issuer is {issuer}, and the provider there calls itself {told.get('issuer')}: write it the same way"
            )
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            place = urlsplit(str(told.get(name, "")))
            if place.scheme != "https" and place.hostname not in LOOPBACK:
                raise NotReady(f"the identity provider {issuer} names no protected {name}")
        return told

    def _get(self, url: str) -> Any:
        try:
            answer = requests.get(url, timeout=TIMEOUT, allow_redirects=False, headers={"Accept": "application/json"})
            answer.raise_for_status()
            told = answer.json()
        except (requests.RequestException, ValueError) as error:
            raise self._silent(error) from None
        if not isinstance(told, dict):
            raise NotReady(f"{url} does not answer what an identity provider does")
        if "date" in answer.headers:
            self.server_time = parsedate_to_datetime(answer.headers["date"])
        return told

    def _silent(self, error: Exception) -> NotReady:
        return NotReady(
            f"the identity provider {self.settings.issuer} does not answer ({type(error).__name__}): try again later"
        )

    def _claims(self, told: Mapping[str, Any], nonce: str) -> CodeIDToken:
        s = self.settings
        read = self._decoded(str(told.get("id_token", "")))
        more = {"nonce": nonce, "client_id": s.client_id, "access_token": told.get("access_token")}
        claims = CodeIDToken(read.claims, read.header, _made(s.issuer, s.client_id), more)
        claims.validate(now=int(self.clock().timestamp()), leeway=LEEWAY)
        return claims

    def _decoded(self, token: str) -> jwt.Token:
        registry = JWSRegistry(algorithms=ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(token, self.keys(), registry=registry)
        except InvalidKeyIdError:  # the provider changes its keys from time to time
            return jwt.decode(token, self.keys(anew=True), registry=registry)

    def _read(self, claims: Mapping[str, Any]) -> Identity:
        """
        Raises:
            SignInFailed: no address, or one that the provider does not vouch for.
        """
        names, issuer = self.settings.claims, self.settings.issuer
        email, verified = claims.get(names.email), claims.get("email_verified")
        if not isinstance(email, str) or "@" not in email or not email.isprintable():
            raise SignInFailed(
                f"the identity provider tells no address in the claim '{names.email}': sign_in.claims.email names it"
            )
        vouched = verified is True or verified == "true"
        if not vouched and not (verified is None and self.settings.email_verified_by == "issuer"):
            raise SignInFailed(
                f"the identity provider does not say that {email} is verified: it must send email_verified, or, where every address it "
                "tells is the organisation's own, sign_in.email_verified_by is issuer"
            )
        department = claims.get(names.department) if names.department else None
        roles = claims.get(names.roles) if names.roles else None
        if department is not None and not isinstance(department, str):
            department = ""  # no word that could be a department's
        return Identity(issuer, email, department, _words(roles))


def _made(by: str, for_whom: str) -> dict[str, Any]:
    """What a token must say of its issuer, its audience and its end."""
    return {
        "iss": {"essential": True, "value": by},
        "aud": {"essential": True, "value": for_whom},
        "exp": {"essential": True},
    }


def _not_good(error: JoseError) -> SignInFailed:
    return SignInFailed(f"the identity provider's token is not good ({error.error}: {error.description})")


def _words(told: Any) -> tuple[str, ...] | None:
    """A claim of one word or several."""
    return None if told is None else tuple(map(str, told)) if isinstance(told, list) else (str(told),)
