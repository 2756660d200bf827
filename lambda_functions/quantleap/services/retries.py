"""How long to wait before what certainly changed nothing is tried again."""

from itertools import count

from quantleap.domain.broker import BrokerFailure, RateLimited
from quantleap.domain.planning import draw

BACKOFF_S = (0.1, 0.3)
"""Waits between three tries to reach a broker."""

PACED_S = (1.0, 1.0, 2.0)
"""Waits between four tries to fit under a limit: the exchange's and most brokers' let go within a second."""

SPREAD = 0.5
"""A wait is up to half as long again, so that accounts which met the same trouble at once do not come back at once."""


class Retries:
    """The tries of one order, or of one look at what the account has."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._drawn = count()
        self._backoff, self._paced = iter(BACKOFF_S), iter(PACED_S)

    def wait_s(self, failure: BrokerFailure) -> float | None:
        """Seconds until the next try; None when there is none."""
        wait = next(self._paced if isinstance(failure, RateLimited) else self._backoff, None)
        return None if wait is None else wait * (1 + SPREAD * self._draw())

    def _draw(self) -> float:
        """From 0 to 1, other for each name and try, the same when it is played again."""
        return int.from_bytes(draw(self._name, str(next(self._drawn)))) / 2**64
