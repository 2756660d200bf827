"""How logging in to Upstox differs: the secret itself is sent, and tokens die before the morning."""

from datetime import time

from sandbox.broker.accounts import Rules
from sandbox.broker.login import LoginWords, state_of

RULES = Rules(proof=lambda key, secret, code: f"{key}{secret}{code}", tokens_die=time(3, 30))

WORDS = LoginWords(
    title="Upstox",
    path="/v2/login/authorization/dialog",
    app="client_id",
    code="code",
    returned=state_of,
)
