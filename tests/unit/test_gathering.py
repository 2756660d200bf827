"""Asked side by side, and never waited for longer than said."""

from threading import Barrier, Event

import pytest

from quantleap.domain.errors import Unavailable
from quantleap.services.gathering import gather

LONG_S = 30.0
"""Only a test that fails waits for so long."""


def test_each_is_asked_once_and_answers_keep_the_order_they_were_asked_in() -> None:
    asked: list[str] = []

    def ask(name: str) -> str:
        asked.append(name)
        return name.upper()

    found = gather(ask, ["b", "a", "b"], LONG_S)

    assert sorted(asked) == ["a", "b"]
    assert list(found.answers.items()) == [("b", "B"), ("a", "A")]


def test_all_are_asked_before_any_has_answered() -> None:
    together = Barrier(10, timeout=LONG_S)

    found = gather(lambda _number: together.wait(), range(10), LONG_S)

    assert sorted(found.answers.values()) == list(range(10))


def test_who_refuses_says_why_and_takes_nothing_from_the_others() -> None:
    def ask(name: str) -> str:
        if name == "down":
            raise Unavailable("no prices", code="market_feed_failed")
        return name

    found = gather(ask, ["down", "up"], LONG_S)

    assert found.answers == {"up": "up"}
    assert {name: refusal.reason for name, refusal in found.refusals.items()} == {"down": "market_feed_failed"}


def test_who_hangs_is_left_to_itself() -> None:
    released = Event()

    found = gather(lambda _name: released.wait(LONG_S), ["hangs"], 0)
    released.set()

    assert found == ({}, {})


def test_a_fault_of_ours_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        gather(lambda number: 1 // number, [0], LONG_S)


def test_nothing_wanted_is_nothing_found() -> None:
    assert gather(str, [], LONG_S) == ({}, {})
