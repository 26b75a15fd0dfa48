"""Access tokens by OAuth: client credentials, JWT bearer, refresh token, or one given. Never the SOAP login, which retires."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from connectors.contract import AccessDenied, SourceUnavailable
from connectors.salesforce import ClientCredentials, Connection, GivenSession, Jwt
from connectors.salesforce.errors import RENEW, SessionExpired, complaint
from connectors.wire import READ_MARK, Wire, parsed

if TYPE_CHECKING:
    import requests

LIFETIME = 180
"""Seconds for which a signed assertion is good; Salesforce takes no more than five minutes."""


def secrets(connection: Connection) -> tuple[str, ...]:
    """Everything of a connection that must be in no text."""
    auth = connection.auth
    held = [getattr(auth, n, None) for n in ("client_secret", "private_key", "refresh_token", "session_id")]
    return tuple(s.get_secret_value() for s in held if s is not None)


def access_token(connection: Connection, session: requests.Session, wire: Wire) -> str:
    """A new access token: one request, none for a given session.

    Raises:
        AccessDenied: Salesforce's own reason, and whether app, user or key is meant.
        SourceError: see Wire.ask.
    """
    auth, source = connection.auth, wire.source
    if isinstance(auth, GivenSession):
        return auth.session_id.get_secret_value()
    # A refresh token may be changed by its use: it is sent once. The others may be asked again.
    headers = {} if auth.kind == "refresh_token" else {READ_MARK: "1"}
    try:
        answer = session.post(connection.tokens, data=_question(connection, source), headers=headers)
    except SessionExpired as refused:
        raise AccessDenied(str(refused), source=source, hint=RENEW) from None
    try:
        told = parsed(answer.content, source=source, what="answer of the token endpoint")
    except SourceUnavailable:
        sentence = f"{source}: no token endpoint answers at {connection.tokens} ({answer.status_code}, no JSON)"
        raise AccessDenied(
            sentence, source=source, hint="write the org's My Domain as url, or token_url as it is"
        ) from None
    token = told.get("access_token") if isinstance(told, dict) else None
    if answer.status_code != 200 or not isinstance(token, str) or not token:
        code, message = complaint(answer.content)
        sentence = (
            f"{source}: Salesforce makes no access token: {wire.redact(message) or 'no reason'} ({code or 'no code'})"
        )
        raise AccessDenied(sentence, source=source, hint=HINTS.get(code, RENEW))
    return token


def _question(connection: Connection, source: str) -> dict[str, str]:
    auth = connection.auth
    if isinstance(auth, ClientCredentials):
        secret = auth.client_secret.get_secret_value()
        return {"grant_type": "client_credentials", "client_id": auth.client_id, "client_secret": secret}
    if isinstance(auth, Jwt):
        return {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": _signed(auth, connection, source),
        }
    assert not isinstance(auth, GivenSession)  # it is asked nothing
    question = {
        "grant_type": "refresh_token",
        "client_id": auth.client_id,
        "refresh_token": auth.refresh_token.get_secret_value(),
    }
    return question | ({"client_secret": auth.client_secret.get_secret_value()} if auth.client_secret else {})


def _signed(auth: Jwt, connection: Connection, source: str) -> str:
    import jwt

    host = "test" if ".sandbox." in connection.url else "login"
    claims: dict[str, Any] = {
        "iss": auth.client_id,
        "sub": auth.username,
        "aud": auth.audience or f"https://{host}.salesforce.com",
        "exp": int(time.time()) + LIFETIME,
    }
    try:
        return jwt.encode(claims, auth.private_key.get_secret_value(), algorithm="RS256")
    except (ValueError, TypeError, jwt.PyJWTError):
        sentence = f"{source}: connection.auth.private_key is no RSA private key in PEM form"
        raise AccessDenied(
            sentence, source=source, hint="write ${file:...} with the path of the key's file, without a passphrase"
        ) from None


HINTS = {
    "invalid_client_id": "copy client_id (the consumer key) from the External Client App",
    "invalid_client": "copy client_id and client_secret from the External Client App's settings",
    "invalid_grant": "let the run-as user be chosen and pre-authorised in the External Client App's policies, and check "
    "the certificate, the username, and whether the user may log in",
    "unsupported_grant_type": "enable this flow in the External Client App, and use the My Domain address as url",
}
