"""Who may enter a route: a partner with its key, an administrator, anybody who signed in."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from quantleap.domain.account import Person, one_spelling
from quantleap.domain.errors import Forbidden, NotFound, Unauthenticated
from quantleap.domain.ids import user_of_sign_in
from quantleap.domain.partner import PLATFORM, Environment, PartnerKey, Permission, Tenant
from quantleap.runtime import wiring
from quantleap.runtime.ask import Ask
from quantleap.runtime.log import logger
from quantleap.runtime.metrics import metric
from quantleap.runtime.settings import settings
from quantleap.services import rate_limits

ADMINS = "Admins"
"""The Cognito group that may administer."""


def partner(ask: Ask, needed: tuple[Permission, ...]) -> PartnerKey:
    """The key the authorizer verified, read anew: what was revoked or taken away since then counts at once."""
    api_key_id = ask.authorizer.get("api_key_id")
    if not isinstance(api_key_id, str):
        raise Unauthenticated("Send an API key and its secret")
    try:
        key = wiring.keys().get(api_key_id)
    except NotFound:
        raise Unauthenticated("The API key is not known") from None
    ask.caller = f"{key.tenant.key} {api_key_id}"
    now = wiring.clock()
    key.require_alive(now)
    key.require_secret(ask.authorizer.get("secret_version"), now)
    _count(key, ask, now)
    key.require_address(ask.source_ip)
    for permission in needed:
        key.require(permission)
    return key


def _count(key: PartnerKey, ask: Ask, now: datetime) -> None:
    """Count the request; from here on every answer, a refusal too, tells how the key stands."""
    reserve, route = wiring.reserve(), " ".join(ask.route)
    failed = reserve.failures
    counted = rate_limits.count(wiring.buckets(), reserve, key, route, now, changes=ask.changes)
    if reserve.failures > failed:
        logger.warning("requests cannot be counted", extra=metric("RateCounterFailures", 1, now))
    ask.standing = counted.standing
    if counted.refusal is not None:
        raise counted.refusal


def admin(ask: Ask) -> str:
    """The signed-in administrator: an id token of the pool, with the group in it."""
    claims = _claims(ask)
    if ADMINS not in _groups(claims.get("cognito:groups")):
        raise Forbidden(f"This needs the group {ADMINS}", code="admins_only")
    return str(claims["sub"])


def user(ask: Ask) -> Person:
    """Whoever signed in; their own id is worked out from the sign-in's, never taken from a request."""
    claims = _claims(ask)
    email, name = claims.get("email"), claims.get("name")
    if not isinstance(email, str) or str(claims.get("email_verified")).lower() != "true":
        raise Forbidden("The sign-in has no e-mail address that was verified", code="id_token_required")
    environment = Environment.LIVE if settings().real_brokers else Environment.TEST
    return Person(
        user_id=user_of_sign_in(str(claims["sub"])),
        tenant=Tenant(PLATFORM, environment),
        email=one_spelling(email),
        name=name if isinstance(name, str) else None,
    )


def _claims(ask: Ask) -> Mapping[str, Any]:
    """What the id token of the sign-in says; a token that another client of the pool was given opens nothing here."""
    claims: Mapping[str, Any] = ask.authorizer.get("claims") or {}
    subject, ours = claims.get("sub"), claims.get("aud") == settings().user_pool_client_id
    if claims.get("token_use") != "id" or not ours or not isinstance(subject, str):
        raise Forbidden("Send the id token of your sign-in", code="id_token_required")
    ask.caller = subject
    return claims


def _groups(claim: object) -> set[str]:
    """Groups reach a function as a list, or as text: `Admins`, `Admins,Traders`, `[Admins Traders]`; names exactly."""
    if isinstance(claim, list):
        return {name for name in claim if isinstance(name, str)}
    text = str(claim or "")
    inside = re.fullmatch(r"\[(.*)\]", text)
    return set(inside[1].split(" ") if inside else text.split(","))
