"""Calls to AWS that may be throttled: tried again within bounds, then `Unavailable`.

Clients used with it try once (`retries={"total_max_attempts": 1}`), so the bounds below are the only ones.
"""

import logging
import time
from collections.abc import Callable, Collection, Hashable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, Self

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's
from tenacity import Retrying, retry_if_exception, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from quantleap.domain.errors import Unavailable

PASSING = frozenset(
    {
        "DependencyTimeoutException",
        "InternalServerError",
        "InternalServiceError",
        "KMSInternalException",
        "KeyUnavailableException",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Refusals of AWS that pass by themselves."""

TRIES = 6
"""With the waits below a call gives up after 3 seconds of waiting, a reading of many after 12."""

BUDGET_S = 12.0
"""After this no further try is begun, so that even calls that hang leave time before a boundary."""

READERS = 16
"""Threads that read together: with answers in 12 ms, 250 of them take a quarter of a second."""

UNANSWERED = "The credential store did not answer; try again"


def keep_requests_out_of_logs() -> None:
    """Whatever level the root logger has: at DEBUG botocore writes whole requests and answers, secrets included."""
    logging.getLogger("botocore").setLevel(logging.INFO)


class _OutOfTime(HTTPClientError):
    """Not asked any more, because others took too long."""

    fmt = "no time was left to ask"


class _Left(Exception):
    """Some of many are still to be read."""


class Gathered[K: Hashable, V](NamedTuple):
    """What was read of many, and why the others were not."""

    read: dict[K, V]
    failed: dict[K, Exception]

    def unless_nothing_came(self, beside: Collection[object] = ()) -> Self:
        """Itself; `Unavailable` when AWS refused every one and there is nothing `beside`."""
        refused = [error for error in self.failed.values() if isinstance(error, ClientError | BotoCoreError)]
        if refused and len(refused) == len(self.failed) and not self.read and not beside:
            raise Unavailable(UNANSWERED, code="vault_unavailable")
        return self


class Patience:
    """Waits grow and are random, so that hundreds of workers turned away together do not come back together."""

    def __init__(
        self, sleep: Callable[[float], None] = time.sleep, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._sleep = sleep
        self._clock = clock

    def call[R](self, work: Callable[[], R], *also: str) -> R:
        """Do it, again while AWS refuses it for a reason that passes, or one of the codes in `also`."""
        ends = self._clock() + BUDGET_S
        tries = Retrying(
            retry=retry_if_exception(lambda error: _passes(error, *also) and self._clock() < ends),
            wait=wait_random_exponential(0.1, 2),
            stop=stop_after_attempt(TRIES),
            sleep=self._sleep,
            reraise=True,
        )
        try:
            return tries(work)
        except (ClientError, BotoCoreError) as error:
            if _passes(error, *also):
                raise Unavailable(UNANSWERED, code="vault_unavailable") from None
            raise

    def each[K: Hashable, V](self, read: Callable[[K], V], wanted: Iterable[K]) -> Gathered[K, V]:
        """Read many at once, those refused for a reason that passes again together; none stops the others."""
        found: Gathered[K, V] = Gathered({}, {})
        left = list(dict.fromkeys(wanted))
        if left:
            with ThreadPoolExecutor(min(READERS, len(left))) as pool:
                self._gather(pool, read, left, found)
        return found

    def _gather[K: Hashable, V](
        self, pool: ThreadPoolExecutor, read: Callable[[K], V], left: list[K], found: Gathered[K, V]
    ) -> None:
        ends = self._clock() + BUDGET_S
        for attempt in Retrying(
            retry=retry_if_exception_type(_Left),
            wait=wait_random_exponential(0.5, 4),
            stop=lambda state: state.attempt_number >= TRIES or self._clock() >= ends,
            sleep=self._sleep,
            retry_error_callback=lambda _: None,
        ):
            with attempt:
                for name, outcome in zip(left, pool.map(partial(self._outcome, read, ends), left), strict=True):
                    _sort(found, name, outcome)
                left = [name for name in left if name in found.failed and _passes(found.failed[name])]
                if left:
                    raise _Left

    def _outcome[K, V](self, read: Callable[[K], V], ends: float, name: K) -> V | Exception:
        try:
            return read(name) if self._clock() < ends else _OutOfTime()
        except Exception as error:  # noqa: BLE001 - kept beside the others' and looked at when all are in
            return error


def _sort[K: Hashable, V](found: Gathered[K, V], name: K, outcome: V | Exception) -> None:
    found.failed.pop(name, None)
    if isinstance(outcome, Exception):
        found.failed[name] = outcome
    else:
        found.read[name] = outcome


def _passes(error: BaseException, *also: str) -> bool:
    """Whether the same call may well succeed later; a connection that failed is such a case."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return error.response["Error"]["Code"] in {*PASSING, *also} or status >= 500  # noqa: PLR2004 - HTTP
    return isinstance(error, HTTPClientError | ConnectionError)
