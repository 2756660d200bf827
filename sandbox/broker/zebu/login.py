"""How logging in to Zebu differs: the checksum, the tokens' hour, the names in the page's address."""

from datetime import time, timedelta

from sandbox.broker.accounts import Rules
from sandbox.broker.login import LoginWords, state_of

RULES = Rules(
    proof=lambda key, secret, code: f"{key}{secret}{code}",
    # Indian rules want a fresh login before each trading day; the broker's own hour is not published, so ours is taken.
    tokens_die=time(0),
    least_life=timedelta(hours=1),
)

WORDS = LoginWords(
    title="Zebu",
    path="/OAuthlogin/authorize/oauth",
    app="client_id",
    code="code",
    returned=state_of,
)
