"""What a measurement is busy with: a line that changes on a terminal, now and then a line elsewhere."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

EVERY_S = 10.0
"""Between two lines where nothing can be written over."""


class Progress:
    """Of one measurement."""

    def __init__(self, console: Console, name: str) -> None:
        self._console = console
        self._name = name
        self._status = console.status(name)
        self._told_s = time.monotonic()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Until the block ends."""
        with self._status:
            yield

    def tell(self, busy: str) -> None:
        """Show what is going on."""
        if self._console.is_terminal:
            self._status.update(f"{self._name}: {busy}")
        elif time.monotonic() - self._told_s > EVERY_S:
            self._told_s = time.monotonic()
            self._console.print(f"{self._name}: {busy}", highlight=False)
