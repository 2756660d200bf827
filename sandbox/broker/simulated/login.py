"""How logging in to the simulator's own broker goes."""

from datetime import time

from sandbox.broker.accounts import Rules
from sandbox.broker.login import LoginWords, state_of

RULES = Rules(proof=lambda key, secret, code: f"{key}:{code}:{secret}", tokens_die=time(0))

WORDS = LoginWords(
    title="Simulated broker", path="/login", app="app", code="code", returned=state_of, redirect="return_to"
)
