"""What the machine gives: the time, and chance that nobody can guess."""

import secrets
from datetime import UTC, datetime


def now() -> datetime:
    """The present instant, aware, to the millisecond: what is stored is what is shown."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def draw(alphabet: str, length: int) -> str:
    """That many characters of the alphabet from the system's secure source."""
    return "".join(secrets.choice(alphabet) for _ in range(length))
