"""Where CPU time goes: the stack is looked at whenever some of it was spent."""

import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import NamedTuple

EVERY_S = 0.001
"""As asked for; a kernel may look less often, and as evenly."""


class Part(NamedTuple):
    """A part of the work, and pieces of the paths whose code belongs to it."""

    name: str
    paths: Sequence[str]


PARTS = (
    Part("sockets and TLS: send, receive, find whole answers", ("adapters/lines.py", "adapters/answers.py")),
    Part("bytes of a request: form, headers", ("urllib/parse.py", "adapters/brokers/zerodha.py")),
    Part("answers and order books read", ("adapters/brokers/", "json/")),
    Part("notes of what became of an order", ("pydantic/", "copy.py", "domain/execution.py")),
    Part("event loop: tasks, futures, timeouts, select", ("asyncio/", "selectors.py")),
    Part("the worker's own steps", ("services/", "adapters/timer.py")),
)
REST = "all else"


def part_of(paths: Sequence[str], parts: Sequence[Part] = PARTS) -> str:
    """Whose work a stack is, its innermost path first: the first path that belongs to a part decides."""
    for path in paths:
        for part in parts:
            if any(piece in path for piece in part.paths):
                return part.name
    return REST


@contextmanager
def sampled() -> Iterator[Counter[str]]:
    """Count, while the block runs, which part each look finds at work."""
    seen: Counter[str] = Counter()

    def look(_signal: int, frame: FrameType | None) -> None:
        paths = []
        while frame is not None:
            paths.append(frame.f_code.co_filename)
            frame = frame.f_back
        seen[part_of(paths)] += 1

    before = signal.signal(signal.SIGPROF, look)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    try:
        yield seen
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
