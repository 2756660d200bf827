"""How the journey is shown: one line a request, a countdown, a table of orders."""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sandbox.client import Reply
from sandbox.problem import Problem

COUNT_S = 0.1
CAPTION = "sent and acked: milliseconds after the boundary"
LONG_ID = re.compile(r"\b((?:run|bsk|sub|key)_[0-9a-zA-Z]{4})\w+")


class Teller:
    """Says what happens while it happens."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def part(self, title: str) -> None:
        """A new part of the story."""
        self._console.print(f"\n[bold]{title}[/]")

    def told(self, what: str, reply: Reply, expected: int) -> Any:  # noqa: ANN401 - JSON
        """Show one request; returns the answer's body, or raises `Problem` when it is not the one expected."""
        fine = reply.status == expected
        mark = "[green]✓[/]" if fine else "[red]✗[/]"
        request = escape(LONG_ID.sub(r"\1…", f"{reply.method} {reply.path}"))
        self._console.print(
            f"{mark} {what:<40} [dim]{reply.status} {reply.milliseconds:5.0f} ms  {request}[/]", soft_wrap=True
        )
        return reply.expect(expected)

    def say(self, what: str) -> None:
        """Something that was seen."""
        self._console.print(f"[green]✓[/] {what}", soft_wrap=True)

    def complain(self, what: str) -> None:
        """Something that is off."""
        self._console.print(f"[red]✗[/] {what}", soft_wrap=True)

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Show that something is waited for."""
        with self._console.status(what):
            yield

    def count_down(self, boundary: datetime) -> None:
        """Wait for the boundary, with the seconds left in sight."""
        with self._console.status("") as status:
            while (left := (boundary - datetime.now(UTC)).total_seconds()) > 0:
                status.update(f"the boundary {boundary:%H:%M:%S}.000 UTC is {left:4.1f} s away")
                time.sleep(min(COUNT_S, left))

    def orders(self, orders: Sequence[Mapping[str, Any]]) -> None:
        """The table of orders, in the order they were sent."""
        table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, caption=CAPTION, caption_justify="left")
        for heading, justify in _COLUMNS.items():
            table.add_column(heading, justify=justify, no_wrap=heading != "state", overflow="fold")
        for order in sorted(orders, key=lambda each: each["sent_after_ms"] or 0):
            table.add_row(*map(_cell, _values(order)))
        self._console.print(table)


_COLUMNS: Mapping[str, Any] = {
    "leg": "right",
    "side": "left",
    "symbol": "left",
    "qty": "right",
    "limit": "right",
    "order id": "left",
    "state": "left",
    "sent": "right",
    "acked": "right",
}


def _values(order: Mapping[str, Any]) -> Sequence[Any]:
    return (
        order["leg"],
        order["side"],
        order["symbol"],
        order["quantity"],
        f"{order['limit_price']:.2f}",
        order["order_id"],
        order["reason"] or order["state"],
        order["sent_after_ms"],
        order["acknowledged_after_ms"],
    )


def _cell(value: object) -> str:
    match value:
        case None:
            return "-"
        case float():
            return f"{value:.1f}"
        case _:
            return escape(str(value))


def boundary_of(fired: Mapping[str, Any]) -> datetime:
    """When a run fires."""
    try:
        return datetime.fromisoformat(fired["boundary"])
    except (KeyError, ValueError):
        raise Problem(f"no boundary in {fired}") from None
