"""How logging in to ICICI Direct differs: a code swapped without the secret, tokens that name the user."""

import base64
import secrets
from datetime import datetime, time

from sandbox.broker.accounts import Rules
from sandbox.broker.login import LoginWords


def _token(client_id: str, _ends: datetime) -> str:
    return base64.b64encode(f"{client_id}:{secrets.token_hex(16)}".encode()).decode()


RULES = Rules(proof=lambda key, secret, code: f"{key}{secret}{code}", tokens_die=time(0), token=_token)

WORDS = LoginWords(
    title="ICICI Direct",
    path="/apiuser/login",
    app="api_key",
    code="apisession",
    returned=lambda _: {},
)
