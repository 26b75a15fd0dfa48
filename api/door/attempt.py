"""One attempt to sign in: what the browser keeps of it between leaving for the identity provider and coming back.

A secret in a cookie is all of it; what the provider is told is derived from it. So an answer is taken from the browser only that asked,
nothing is kept here for people who never come back, and there is no secret of ours to look after.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from urllib.parse import unquote

import msgspec

LASTS = 600
"""Seconds from leaving to coming back."""
LONGEST = 1500
"""Characters of an address that somebody is led back to."""


class Attempt(msgspec.Struct, frozen=True):
    """`next` is where to go afterwards, a path of this service."""

    secret: str
    next: str = "/"

    @classmethod
    def begin(cls, wanted: str) -> Attempt:
        return cls(secrets.token_urlsafe(32), local_path(wanted))

    @property
    def state(self) -> str:
        return self._derived("state")

    @property
    def nonce(self) -> str:
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        return self._derived("verifier")

    def _derived(self, what: str) -> str:
        made = hmac.digest(self.secret.encode(), what.encode(), "sha256")
        return urlsafe_b64encode(made).rstrip(b"=").decode()

    def kept(self) -> str:
        """As a cookie's value."""
        return f"{self.secret}.{urlsafe_b64encode(self.next.encode()).decode()}"

    @classmethod
    def kept_as(cls, value: str) -> Attempt:
        """The attempt of a cookie's value, which the browser may have changed: where it leads is looked at again."""
        secret, _, wanted = value.partition(".")
        try:
            return cls(secret, local_path(urlsafe_b64decode(wanted).decode()))
        except ValueError:
            return cls(secret)


def local_path(wanted: str) -> str:
    """A path of this service with its query, as it was asked for; "/" for anything that could lead elsewhere."""
    plain = unquote(wanted)
    elsewhere = not wanted.startswith("/") or plain.startswith("//") or "\\" in plain or not plain.isprintable()
    return "/" if elsewhere or len(wanted) > LONGEST or plain.startswith("/sign") else wanted
