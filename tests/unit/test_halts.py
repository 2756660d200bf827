from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from quantleap.domain.errors import InvalidRequest, NotFound
from quantleap.domain.execution import Due, Kind
from quantleap.domain.halts import Halt, NewHalt, Trade, halted, scope_of
from quantleap.domain.model import parse
from quantleap.domain.runs import entry_of
from quantleap.services import halts
from quantleap.services.halts import Halting
from tests.builders import ASHA, NINE_TWENTY, TEMPLATE, Clock, a_template, a_user
from tests.fakes import FakeHalts, FakeStarter, FakeUsers

TRADE = Trade("zebu", TEMPLATE, ASHA, "zebu#test")
WANTED = NewHalt(reason="circuit breaker")
SOON = NINE_TWENTY + timedelta(hours=1)
ENTERED = entry_of(a_template(), NINE_TWENTY - timedelta(minutes=3), (0,), None)


def a_halt(scope: str, **changes: object) -> Halt:
    usual = {"reason": "circuit breaker", "set_by": "admin", "set_at": NINE_TWENTY}
    return Halt.model_validate({**usual, "scope": scope, **changes})


@pytest.mark.parametrize(
    "scope", ["platform", "partner:zebu", f"template:{TEMPLATE}", f"user:{ASHA}", "broker:zebu-test"]
)
def test_a_halt_stops_what_its_scope_covers(scope: str) -> None:
    assert halted([a_halt("partner:acme"), a_halt(scope)], TRADE, NINE_TWENTY) == a_halt(scope)


@pytest.mark.parametrize("scope", ["partner:acme", "template:bsk_other", "user:usr_" + "0" * 20, "broker:zebu-live"])
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


@dataclass
class Day:
    """The runs of one day."""

    runs: list[Due] = field(default_factory=list)

    def of_day(self, moment: datetime) -> list[Due]:
        return self.runs


def halting(held: FakeHalts, *entered: Due, users: FakeUsers | None = None) -> Halting:
    return Halting(held, Day(list(entered)), users or FakeUsers(), FakeStarter(), Clock(), timedelta(seconds=5))


def put(held: FakeHalts, scope: str = "platform", wanted: NewHalt = WANTED, admin: str = "admin") -> Halt:
    return halts.put(halting(held), admin, scope, wanted)


def squared_off(scope: str, *entered: Due) -> Mapping[str, Mapping[str, object]]:
    starter = FakeStarter()
    users = FakeUsers(a_user())
    asks = halting(FakeHalts(), *entered, users=users)._replace(starter=starter)
    halts.put(asks, "admin", scope, NewHalt(reason="index is frozen", square_off=True))
    return starter.started


def test_a_halt_is_set_replaced_shown_and_lifted() -> None:
    held = FakeHalts()
    put(held)
    replaced = put(held, wanted=NewHalt(reason="index is frozen", until=SOON), admin="admin-2")

    assert halts.one(held, "platform") == replaced
    assert halts.every(held) == [replaced]
    assert halts.lift(held, "platform") == replaced
    with pytest.raises(NotFound):
        halts.one(held, "platform")


def test_a_halt_may_not_be_over_before_it_begins_nor_be_without_a_reason() -> None:
    with pytest.raises(InvalidRequest):
        put(FakeHalts(), wanted=NewHalt(reason="late", until=NINE_TWENTY))
    with pytest.raises(InvalidRequest):
        parse(NewHalt, {"reason": "  "})


def test_a_halt_alone_closes_nothing() -> None:
    starter = FakeStarter()
    halts.put(halting(FakeHalts(), ENTERED)._replace(starter=starter), "admin", "platform", WANTED)

    assert not starter.started


def test_a_halt_that_squares_off_closes_every_entry_of_the_day_in_its_scope() -> None:
    other = ENTERED.model_copy(
        update={"run_id": ENTERED.run_id.replace(TEMPLATE, "bsk_other"), "template_id": "bsk_other"}
    )
    ahead = ENTERED.model_copy(update={"boundary": NINE_TWENTY + timedelta(hours=2)})
    exit_run = ENTERED.model_copy(update={"kind": Kind.EXIT})

    everything = squared_off("platform", ENTERED, other, ahead, exit_run)
    template = squared_off(f"template:{TEMPLATE}", ENTERED, other)

    assert [request["closes"] for request in everything.values()] == [ENTERED.run_id, other.run_id]
    assert [request["closes"] for request in template.values()] == [ENTERED.run_id]


def test_a_square_off_of_a_partner_or_a_user_closes_only_theirs() -> None:
    (partner,) = squared_off("partner:zebu", ENTERED).values()
    (user,) = squared_off(f"user:{ASHA}", ENTERED).values()

    (broker,) = squared_off("broker:angel_one-live", ENTERED).values()

    assert broker["only"] == "broker:angel_one-live"
    assert partner["only"] == "partner:zebu"
    assert "scope" not in partner
    assert (user["only"], user["scope"]) == (f"user:{ASHA}", "zebu#test")
