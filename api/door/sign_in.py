"""Signing in and out, in the browser. Who signed in is known by a session; what they may do is worked out anew at each request."""

from __future__ import annotations

import hmac
import logging
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi_problem.error import StatusProblem

from api.deps import ConfigurationDep, DatabaseDep, NoSuchAddress, SignInFailed, SignInRefused
from api.door import cookies
from api.door.attempt import LASTS, Attempt
from api.door.oidc import Provider
from api.door.rights import rights_of
from api.pages.render import gate
from ledger.sessions import Identity, Session
from ledger.store import Ledger
from sync.configuration import Configuration

log = logging.getLogger("sightline.sign_in")
signing = APIRouter(include_in_schema=False)
BACK, SIGNED_OUT = "/sign-in/back", "/signed-out"
OPEN = ("/sign-in", BACK, SIGNED_OUT)
"""Open to whoever is not signed in yet, where people sign in."""


def _provider(request: Request, configuration: ConfigurationDep) -> Provider:
    """The identity provider of the configuration in force.

    Raises:
        NoSuchAddress: nobody signs in here.
    """
    settings, providers = configuration.organisation.sign_in, request.app.state.providers
    if settings is None:
        raise NoSuchAddress("nobody signs in here: organisation.yaml has no sign_in")
    found: Provider = providers.under(settings)
    return found


ProviderDep = Annotated[Provider, Depends(_provider)]


@signing.get("/sign-in")
def sign_in(provider: ProviderDep, wanted: Annotated[str, Query(alias="next")] = "/") -> Response:
    """Sends somebody to the identity provider, and lets their browser remember that it asked."""
    attempt = Attempt.begin(wanted)
    try:
        response = RedirectResponse(provider.authorization_url(attempt), status_code=303)
    except StatusProblem as problem:
        return _told(problem)
    cookies.put(response, _kept_as(attempt.state), attempt.kept(), provider.settings, seconds=LASTS)
    return response


@signing.get(BACK)
def come_back(
    request: Request, provider: ProviderDep, ledger: DatabaseDep, configuration: ConfigurationDep
) -> Response:
    """Takes what the identity provider says of somebody who comes back, and begins their session in place of the one they had."""
    settings, state = provider.settings, request.query_params.get("state", "")
    attempt = Attempt.kept_as(cookies.of(request.scope, _kept_as(state), settings))
    try:
        identity = _identity(request, provider, attempt)
        _let_in(identity, ledger, configuration)
    except StatusProblem as problem:
        log.warning("%s", problem.detail)
        response = _told(problem)
    else:
        _, secret = ledger.sessions.begin(identity, instead_of=cookies.of(request.scope, cookies.SESSION, settings))
        response = RedirectResponse(attempt.next, status_code=303)
        cookies.put(response, cookies.SESSION, secret, settings, seconds=settings.ends_after)
    cookies.drop(response, _kept_as(state), settings)
    return response


@signing.post("/sign-out")
def sign_out(request: Request, provider: ProviderDep, ledger: DatabaseDep) -> Response:
    """Ends the session, here at once and then at the provider, where it offers that.

    Raises:
        NoSuchAddress: whoever asks brings a key, and has no session.
    """
    session: Session | None = request.state.session
    if session is None:
        raise NoSuchAddress("a key has no session to end: 'sightline keys revoke' ends a key")
    ledger.sessions.end(session.id, by=session.who, what="sign out")
    response = RedirectResponse(_next_door(provider, session.identity.email), status_code=303)
    cookies.drop(response, cookies.SESSION, provider.settings)
    return response


@signing.get(SIGNED_OUT)
def signed_out() -> Response:
    """Where somebody is who has signed out."""
    return _page("Signed out", "You are signed out of Sightline.")


def _identity(request: Request, provider: Provider, attempt: Attempt) -> Identity:
    """Who comes back.

    Raises:
        SignInFailed: this browser did not ask, the provider refuses, or what it says is not good.
        NotReady: the provider does not answer.
    """
    told = request.query_params
    if not attempt.secret or not hmac.compare_digest(told.get("state", "").encode(), attempt.state.encode()):
        raise SignInFailed(
            f"this sign-in was not begun in this browser, or more than {LASTS // 60} minutes ago: sign in anew"
        )
    if told.get("iss", provider.settings.issuer) != provider.settings.issuer:
        raise SignInFailed("this is the answer of another identity provider than asked: sign in anew")
    if "error" in told or "code" not in told:
        why = told.get("error", "it sends no code")[:100]
        raise SignInFailed(
            f"the identity provider lets nobody in ({why if why.isprintable() else 'it does not say why'})"
        )
    return provider.identity(told["code"], attempt)


def _let_in(identity: Identity, ledger: Ledger, configuration: Configuration) -> None:
    """Looks whether somebody has any rights here; who has none is noted.

    Raises:
        SignInRefused
    """
    try:
        rights_of(identity, configuration)
    except SignInRefused as refused:
        ledger.audit.note(identity.email, "sign in refused", str(refused.detail))
        raise


def _next_door(provider: Provider, email: str) -> str:
    """Where signing out goes on: a form of ours may lead to the issuer's own host and to no other."""
    try:
        place = provider.end_session_url(email)
    except StatusProblem as problem:
        log.warning("%s", problem.detail)
        return SIGNED_OUT
    same = place is not None and urlsplit(place)[:2] == urlsplit(provider.settings.issuer)[:2]
    return place if place is not None and same else SIGNED_OUT


def _kept_as(state: str) -> str:
    """One cookie per attempt, so that several tabs may sign in at once."""
    return f"attempt-{''.join(c for c in state[:8] if c.isalnum() and c.isascii())}"


def _told(problem: StatusProblem) -> Response:
    return _page(problem.title, str(problem.detail), status=problem.status)


def _page(title: str, sentence: str, *, status: int = 200) -> Response:
    return HTMLResponse(gate(title, sentence), status_code=status)
