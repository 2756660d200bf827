"""How logging in to Zerodha differs: the checksum, the tokens' hour, the names in the page's address."""

from datetime import time

from sandbox.broker.accounts import Rules
from sandbox.broker.login import LoginWords, nested

RULES = Rules(proof=lambda key, secret, code: f"{key}{code}{secret}", tokens_die=time(6))

WORDS = LoginWords(
    title="Zerodha",
    path="/connect/login",
    app="api_key",
    code="request_token",
    returned=nested("redirect_params"),
)
