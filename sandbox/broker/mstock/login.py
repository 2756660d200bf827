"""How logging in to mStock differs: the page returns the day's token, a JWT, and the client's own API key."""

import base64
import hashlib
import json
import secrets
from datetime import datetime, time

from sandbox.broker.accounts import Rules, Session
from sandbox.broker.login import LoginWords


def _token(client_id: str, ends: datetime) -> str:
    head, claims = {"alg": "HS256", "typ": "JWT"}, {"CLIENTCODE": client_id, "exp": int(ends.timestamp())}
    return ".".join([_part(head), _part(claims), secrets.token_urlsafe(24)])


def _part(value: dict[str, object] | dict[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _own_key(app: str, client_id: str) -> str:
    return hashlib.sha256(f"{app}/{client_id}".encode()).hexdigest()[:32]


def _given(session: Session) -> dict[str, str]:
    details = base64.b64encode(session.client_id.encode()).decode()  # encrypted at the broker itself
    return {"Auth": session.access_token, "ApiKey": session.api_key, "UserDetails": details}


RULES = Rules(proof=lambda key, secret, code: f"{key}{secret}{code}", tokens_die=time(0), token=_token)

WORDS = LoginWords(
    title="mStock",
    path="/login/",
    app="platform_key",
    code="Auth",
    returned=lambda _: {},
    redirect="redirect_url",
    token=_given,
    key=_own_key,
)
