"""Progress: one line a step, with its duration."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console


class Steps:
    """Shows what is going on, and what it took."""

    def __init__(self, console: Console) -> None:
        self._console = console

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        """Spin while it runs; leave one line when it is done."""
        began = time.monotonic()
        with self._console.status(text):
            yield
        self._console.print(f"[green]✓[/] {text:<40} [dim]{time.monotonic() - began:5.1f} s[/]", highlight=False)
