"""Ctrl-C, SIGTERM and a closed terminal all mean the same: end, once, in order."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Ended(BaseException):
    """Somebody asked us to end."""


@contextmanager
def raising() -> Iterator[None]:
    """Raise `Ended` at the first signal; ignore further ones, so that ending is not cut short."""
    before = {each: signal.signal(each, _end) for each in ENDINGS}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    for each in ENDINGS:
        signal.signal(each, signal.SIG_IGN)
    raise Ended
