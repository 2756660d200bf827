"""The referee sees each thing that a desk would complain of, and nothing else."""

import random

import pytest

from bench import faults
from bench.faulty import Act, FaultyBroker, Odds, Truth
from bench.referee import Played, Verdict, judged
from quantleap.adapters.brokers.zebu import CAPABILITY
from quantleap.domain import planning, telling
from quantleap.domain.events import EventType, Happening
from quantleap.domain.execution import Intent, State, Ticket
from quantleap.domain.trading import Side
from quantleap.services import lookout
from quantleap.services.belief import Belief
from quantleap.services.channel import Channel
from quantleap.services.trader import Trader
from tests.engine import T, VirtualTimer, an_errand
from tests.unit.shards import a_store

ENTRY, EXIT = an_errand().run_id, "run_20261123T152000_exit_bsk_1_v1_of_20261123T092000"
BOUNDARY, LEAVES = T.timestamp(), T.timestamp() + 60
UNITS = 130


def tickets() -> tuple[Ticket, Ticket]:
    """A hedge and a sell, filled, and their way back, filled too."""
    store = a_store(1)
    assert store.decision is not None
    (made,) = planning.tickets(store.decision, store.seats[0], 0)
    hedge, _, sell, _ = (each.became(State.FILLED, filled_quantity=UNITS) for each in made.intents)
    back = [
        each.became(State.FILLED, side=side, tag=f"x{each.tag[1:]}")
        for each, side in ((sell, Side.BUY), (hedge, Side.SELL))
    ]
    entry = made.with_intents((hedge, sell), settled=True)
    return entry, entry.with_intents(tuple(back), settled=True).model_copy(update={"run_id": EXIT})


def truth(intent: Intent, at: float, units: int | None = None, filled_at: float | None = None) -> Truth:
    fields = {"remarks": intent.tag, "qty": str(intent.quantity), "prc": "88"}
    order = Truth(f"O{intent.tag}", fields, at, at)
    order.fills = [(at if filled_at is None else filled_at, intent.quantity if units is None else units)]
    return order


class Desk:
    """A good day, to be spoilt; what the referee then says."""

    def __init__(self) -> None:
        self.entry, self.exit = tickets()
        self.orders = {
            intent.tag: truth(intent, since + number)
            for ticket, since in ((self.entry, BOUNDARY), (self.exit, LEAVES))
            for number, intent in enumerate(ticket.intents)
        }
        self.more: list[Truth] = []
        self.acts: list[Act] = []
        self.told: list[Happening] = []
        self.halted_at: float | None = None

    def tell(self, ticket: Ticket) -> None:
        """Of a position that stands half."""
        data = {"run_id": ticket.run_id, "subscription_id": ticket.subscription_id}
        self.told.append(
            Happening(
                event_id=ticket.run_id, type=EventType.POSITION_INCOMPLETE, tenant="zebu#test", occurred_at=T, data=data
            )
        )

    def stored(self, number: int, **changes: object) -> None:
        """Store something else of an intent of the entry."""
        intents = list(self.entry.intents)
        intents[number] = intents[number].model_copy(update=changes)
        self.entry = self.entry.with_intents(tuple(intents), settled=True)

    def judged(self) -> Verdict:
        broker = FaultyBroker(random.Random(1), Odds.calm(0.1, 0.1))
        for number, order in enumerate((*self.orders.values(), *self.more)):
            broker._orders[f"O{number}"] = order
            broker.acts.append(Act(order.sent_at, "C0", order.tag))
        broker.acts += self.acts
        boundaries = {ENTRY: BOUNDARY, EXIT: LEAVES}
        return judged(
            Played(broker, [self.entry, self.exit], self.told, boundaries, CAPABILITY.orders, ENTRY, self.halted_at)
        )


def test_a_good_day_is_nothing_to_complain_of() -> None:
    assert Desk().judged() == Verdict()


def test_a_second_order_with_a_tag_is_a_duplicate_and_silent_until_told() -> None:
    desk = Desk()
    desk.more = [truth(desk.entry.intents[0], BOUNDARY + 3)]

    assert desk.judged() == Verdict(duplicates=1, lost=1, silent=2)
    desk.tell(desk.entry)
    desk.tell(desk.exit)
    assert desk.judged() == Verdict(duplicates=1, lost=1)


@pytest.mark.parametrize(
    ("changes", "lost"),
    [
        ({"state": State.PLANNED, "filled_quantity": 0}, 1),
        ({"state": State.NOT_SENT, "filled_quantity": 0}, 1),
        ({"state": State.FILLED, "filled_quantity": 65}, 1),
        ({"state": State.REFUSED}, 1),
        ({"state": State.UNKNOWN, "filled_quantity": 0}, 0),
    ],
)
def test_what_is_stored_otherwise_than_it_was_is_lost_or_unknown_and_never_silent(
    changes: dict[str, object], lost: int
) -> None:
    desk = Desk()
    desk.stored(1, **changes)

    assert desk.judged()._replace(silent=0) == Verdict(lost=lost)
    assert desk.judged().silent == (changes.get("filled_quantity") is not None)


def test_a_ticket_without_a_last_word_is_lost() -> None:
    desk = Desk()
    desk.entry = desk.entry.reopened()

    assert desk.judged().lost == 2


def test_an_order_that_no_intent_knows_is_lost() -> None:
    desk = Desk()
    desk.more = [truth(desk.entry.intents[0].model_copy(update={"tag": "stranger"}), BOUNDARY + 3)]

    assert desk.judged() == Verdict(lost=1)


def test_a_position_that_is_open_in_the_end_is_silent_until_its_last_run_tells() -> None:
    desk = Desk()
    buyback = desk.exit.intents[0]
    desk.orders[buyback.tag].fills = []
    desk.exit = desk.exit.with_intents(
        (buyback.became(State.CANCELLED, filled_quantity=0), desk.exit.intents[1]), settled=True
    )
    desk.orders[buyback.tag].cancelled_at = LEAVES + 5

    desk.tell(desk.entry)
    assert desk.judged()._replace(naked=0) == Verdict(silent=1)
    desk.tell(desk.exit)
    assert desk.judged()._replace(naked=0) == Verdict()


@pytest.mark.parametrize("way", ["in", "out"])
def test_a_sell_that_left_before_its_buys_were_filled_is_naked(way: str) -> None:
    desk = Desk()
    buy, sell = (desk.entry if way == "in" else desk.exit).intents
    desk.orders[buy.tag].fills = [(desk.orders[sell.tag].sent_at + 0.001, UNITS)]

    assert desk.judged() == Verdict(naked=1)


@pytest.mark.parametrize("way", ["in", "out"])
def test_an_order_before_its_boundary_is_early(way: str) -> None:
    desk = Desk()
    (first, _), since = (desk.entry.intents, BOUNDARY) if way == "in" else (desk.exit.intents, LEAVES)
    desk.orders[first.tag] = truth(first, since - 0.001)

    assert desk.judged() == Verdict(early=1)


@pytest.mark.parametrize(("apart", "hasty"), [(0.1, 0), (0.09, 1)])
def test_the_eleventh_call_within_a_second_is_hasty_cancellations_too(apart: float, hasty: int) -> None:
    desk = Desk()
    desk.acts = [Act(BOUNDARY + 20 + number * apart, "C0") for number in range(11)]

    assert desk.judged() == Verdict(hasty=hasty)


@pytest.mark.parametrize(("before", "unhalted"), [(0.9, 0), (1.1, 1)])
def test_an_order_of_an_entry_a_second_after_a_halt_is_unhalted_and_one_of_an_exit_is_not(
    before: float, unhalted: int
) -> None:
    desk = Desk()
    desk.halted_at = desk.orders[desk.entry.intents[1].tag].sent_at - before

    assert desk.judged() == Verdict(unhalted=unhalted)


def test_a_leg_of_which_more_was_closed_than_opened_is_reversed() -> None:
    desk = Desk()
    desk.orders[desk.exit.intents[1].tag].fills = [(LEAVES + 1, UNITS + 65)]

    assert desk.judged().reversed == 1


# --- Engines that are wrong: the play must show it ---


def found(name: str, worlds: int = 200) -> bool:
    """Whether any of so many worlds shows it."""
    return any(getattr(faults.world(random.Random(seed)).verdict, name) for seed in range(worlds))


def test_an_engine_that_believes_the_first_book_it_sees_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Belief, "holds", lambda *_: True)

    assert found("duplicates")


def test_an_engine_that_does_not_see_halts_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout.Lookout, "stops", lambda *_: None)

    assert found("unhalted")


def test_an_engine_that_sends_sells_at_once_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Trader, "_hedged", lambda *_: True)

    assert found("naked")


def test_an_engine_that_does_not_wait_for_the_boundary_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VirtualTimer, "until", at_once)

    assert found("early")


def test_an_engine_without_a_pace_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Channel, "_keep_pace", at_once)

    assert found("hasty")


def test_an_engine_that_tells_nobody_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telling, "of_ticket", lambda *_, **__: ())

    assert found("silent")


async def at_once(*_: object) -> None:
    """Waits for nothing."""
