from datetime import timedelta

import pytest

from quantleap.domain.errors import InvalidRequest, NotFound
from quantleap.domain.halts import Halt, NewHalt, Trade, halted, scope_of
from quantleap.domain.model import parse
from quantleap.services import halts
from tests.builders import ASHA, NINE_TWENTY, TEMPLATE, Clock
from tests.fakes import FakeHalts

TRADE = Trade("zebu", TEMPLATE, ASHA)
WANTED = NewHalt(reason="circuit breaker")
SOON = NINE_TWENTY + timedelta(hours=1)


def a_halt(scope: str, **changes: object) -> Halt:
    usual = {"reason": "circuit breaker", "set_by": "admin", "set_at": NINE_TWENTY}
    return Halt.model_validate({**usual, "scope": scope, **changes})


@pytest.mark.parametrize("scope", ["platform", "partner:zebu", f"template:{TEMPLATE}", f"user:{ASHA}"])
def test_a_halt_stops_what_its_scope_covers(scope: str) -> None:
    assert halted([a_halt("partner:acme"), a_halt(scope)], TRADE, NINE_TWENTY) == a_halt(scope)


@pytest.mark.parametrize("scope", ["partner:acme", "template:bsk_other", "user:usr_" + "0" * 20])
def test_a_halt_of_another_scope_stops_nothing(scope: str) -> None:
    assert halted([a_halt(scope)], TRADE, NINE_TWENTY) is None


def test_a_halt_ends_by_itself() -> None:
    standing = [a_halt("platform", until=SOON)]

    assert halted(standing, TRADE, NINE_TWENTY) is not None
    assert halted(standing, TRADE, SOON) is None


@pytest.mark.parametrize("text", ["", "partner", "partner:", "Platform", "user:asha", "template:a b", "platform\n"])
def test_what_is_no_scope_names_nothing(text: str) -> None:
    with pytest.raises(NotFound):
        scope_of(text)


def test_a_halt_is_set_replaced_shown_and_lifted() -> None:
    held = FakeHalts()
    halts.put(held, Clock(), "admin", "platform", WANTED)
    replaced = halts.put(held, Clock(), "admin-2", "platform", NewHalt(reason="index is frozen", until=SOON))

    assert halts.one(held, "platform") == replaced
    assert halts.every(held) == [replaced]
    assert halts.lift(held, "platform") == replaced
    with pytest.raises(NotFound):
        halts.one(held, "platform")


def test_a_halt_may_not_be_over_before_it_begins_nor_be_without_a_reason() -> None:
    with pytest.raises(InvalidRequest):
        halts.put(FakeHalts(), Clock(), "admin", "platform", NewHalt(reason="late", until=NINE_TWENTY))
    with pytest.raises(InvalidRequest):
        parse(NewHalt, {"reason": "  "})
