"""Every reason that an execution can give is explained to partners."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from quantleap.domain.codes import OF_RUNS
from quantleap.domain.halts import HALTED
from quantleap.domain.subscription import Status
from quantleap.services.precision_timer import UNLISTED
from tests.unit.test_codes import PACKAGE

PAGE = Path(__file__).parents[2] / "docs" / "partner-docs" / "errors.md"
WORDS = re.compile(r"[a-z]+(_[a-z]+)+")
TOLD = (
    "domain/booking.py",
    "services/lookout.py",
    "services/roster.py",
    "services/shard.py",
    "services/tags.py",
    "services/trader.py",
)
TOLD_OF_ACCOUNTS = (
    "domain/account.py",
    "domain/closing.py",
    "domain/execution.py",
    "domain/planning.py",
    "domain/sizing.py",
    "domain/square_off.py",
    "services/readiness.py",
)
INTERNAL = {"fenced", "shard_busy"}
"""What one worker tells another."""


def reasons_in(source: str) -> Iterator[str]:
    """Words with underscores that a function returns, or that a ticket is skipped, given up or noted with."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Return(value=ast.expr() as value) | ast.Assign(value=value):
                yield from words(value)
            case ast.Call(func=ast.Attribute(attr="skip" | "give_up"), args=args):
                yield from (word for each in args for word in words(each))
            case ast.keyword(arg="reason", value=value):
                yield from words(value)
            case _:
                pass


def words(value: ast.expr) -> Iterator[str]:
    match value:
        case ast.Constant(value=str(word)) if WORDS.fullmatch(word):
            yield word
        case ast.IfExp(body=body, orelse=orelse):
            yield from (word for each in (body, orelse) for word in words(each))
        case _:
            pass


def test_every_reason_is_on_the_page() -> None:
    sources = [PACKAGE / file for file in (*TOLD, *TOLD_OF_ACCOUNTS)]
    found = {reason for source in sources for reason in reasons_in(source.read_text())}
    found |= (OF_RUNS - INTERNAL) | {HALTED, *UNLISTED.values()}
    found |= {f"subscription_{status.lower()}" for status in Status if status is not Status.ACTIVE}
    explained = set(re.findall(r"`([a-z_]+)`", PAGE.read_text()))

    assert len(found) > 20
    assert sorted(found - explained) == []
