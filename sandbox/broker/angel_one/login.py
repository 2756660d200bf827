"""How logging in to Angel One differs: the page returns the day's tokens themselves, which die at midnight."""

from datetime import time

from sandbox.broker.accounts import Rules, Session
from sandbox.broker.login import LoginWords, state_of


def _given(session: Session) -> dict[str, str]:
    return {
        "auth_token": session.access_token,
        "feed_token": session.user_token,
        "refresh_token": session.refresh_token,
    }


RULES = Rules(proof=lambda key, secret, code: f"{key}{secret}{code}", tokens_die=time(0))

WORDS = LoginWords(
    title="Angel One",
    path="/publisher-login",
    app="api_key",
    code="auth_token",
    returned=state_of,
    token=_given,
)
