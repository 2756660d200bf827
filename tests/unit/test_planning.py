"""From a template and a snapshot to orders: pure, so tried over many inputs."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.basket import Basket, Leg
from quantleap.domain.broker import Instrument
from quantleap.domain.capabilities import EXCHANGE_PACE, Budget
from quantleap.domain.clock import IST
from quantleap.domain.contracts import Contract, Index, Right
from quantleap.domain.errors import Undecidable
from quantleap.domain.execution import Decision, Due, Kind, Seat, Ticket
from quantleap.domain.market import Quote, Snapshot
from quantleap.domain.planning import decide, expiries, shard, tickets
from quantleap.domain.series import freeze_quantity
from quantleap.domain.sessions import TradingCalendar
from quantleap.domain.sizing import Size, excesses
from quantleap.domain.strikes import AtmStrike, FixedStrike, PercentStrike
from quantleap.domain.subscription import Allocation
from quantleap.domain.trading import Product, Side
from tests.builders import a_basket, a_strategy, early_closing

AT = datetime(2026, 11, 19, 3, 50, tzinfo=UTC)
ON = date(2026, 11, 19)
EXPIRY = date(2026, 11, 23)
TICK = Decimal("0.05")
SPOT = Decimal("26012.35")
VENUE = "zebu#test"


def a_due(basket: Basket) -> Due:
    return Due(run_id="run_1", kind=Kind.ENTRY, boundary=AT, template_id=basket.basket_id, version=1, strategies=(0,))


def a_chain() -> dict[tuple[Decimal, Right], Quote]:
    strikes = [Decimal(strike) for strike in range(25000, 27050, 50)]
    quote = Quote(bid=Decimal("99.50"), ask=Decimal("100.50"), last=Decimal(100))
    return {(strike, right): quote for strike in strikes for right in Right}


def a_snapshot() -> Snapshot:
    return Snapshot(Index.NIFTY, AT, SPOT, a_chain())


def a_master(lot: int = 65) -> dict[Contract, Instrument]:
    contracts = [Contract(Index.NIFTY, EXPIRY, strike, right) for strike, right in a_chain()]
    return {each: Instrument(each, "NFO", f"N{each.strike}{each.right}", "1", lot, TICK) for each in contracts}


def decided(basket: Basket, master: dict[Contract, Instrument] | None = None) -> Decision:
    return decide_with({VENUE: a_master() if master is None else master}, basket)


def decide_with(
    masters: dict[str, dict[Contract, Instrument]], basket: Basket | None = None, snapshot: Snapshot | None = None
) -> Decision:
    basket = basket or a_basket()
    snapshots = {(Index.NIFTY, EXPIRY): snapshot or a_snapshot()}
    return decide(a_due(basket), basket, snapshots, masters, TradingCalendar(), AT, ON)


def refused(basket: Basket, snapshot: Snapshot | None = None) -> str:
    with pytest.raises(Undecidable) as refusal:
        decide_with({VENUE: a_master()}, basket, snapshot)
    return refusal.value.reason


def a_seat(multiplier: str = "1", cap: int | None = None) -> Seat:
    allocation = Allocation(
        allocation_id="alloc_1",
        broker_id="zebu",
        client_id="C1",
        lot_multiplier=Decimal(multiplier),
        max_lots_per_order=cap,
    )
    return Seat("sub_1", "usr_1", "zebu#test", "ACTIVE", (allocation,))


def one_ticket(multiplier: str = "1", cap: int | None = None) -> Ticket:
    (ticket,) = tickets(decided(a_basket()), a_seat(multiplier, cap), 0)
    return ticket


def at_mstock() -> Seat:
    seat = a_seat("30")
    return seat._replace(
        tenant="mstock#test", allocations=(seat.allocations[0].model_copy(update={"broker_id": "mstock"}),)
    )


def beside(**change: Any) -> tuple[Ticket, Ticket]:
    """Tickets of the same seat at a venue with a sound list, and at one whose list says something else."""
    odd = {contract: each._replace(**change) for contract, each in a_master().items()}
    decision = decide_with({VENUE: a_master(), "mstock#test": odd})
    ((sound,), (other,)) = (tickets(decision, seat, 0) for seat in (a_seat("30"), at_mstock()))
    return sound, other


def orders_of(ticket: Ticket) -> list[tuple[int, Decimal]]:
    return [(each.quantity, each.limit_price) for each in ticket.intents]


@pytest.mark.parametrize(
    "change",
    [
        {"tick": Decimal(100)},
        {"tick": Decimal(5)},
        {"tick": Decimal("NaN")},
        {"tick": Decimal("Infinity")},
        {"tick": Decimal(0)},
        {"freeze_quantity": 65},
        {"freeze_quantity": 64},
        {"lot_size": 650},
        {"lot_size": 6500},
        {"lot_size": 0},
    ],
)
def test_what_one_list_says_beyond_reason_takes_that_venue_out_and_no_other(change: dict[str, Any]) -> None:
    (alone,) = tickets(decided(a_basket()), a_seat("30"), 0)

    sound, other = beside(**change)

    assert orders_of(sound) == orders_of(alone)
    assert (other.skipped, other.intents) == ("contract_terms_in_doubt", ())


@pytest.mark.parametrize(("freeze", "slices"), [(1300, [1300, 650]), (1301, [1300, 650]), (None, [1755, 195])])
def test_a_freeze_quantity_counts_at_the_venue_that_says_it(freeze: int | None, slices: list[int]) -> None:
    sound, other = beside(freeze_quantity=freeze)

    assert [quantity for quantity, _ in orders_of(sound)] == [1755, 195] * 4
    assert [quantity for quantity, _ in orders_of(other)] == slices * 4


def test_a_strike_that_one_list_alone_has_moves_nobody() -> None:
    slip = Contract(Index.NIFTY, EXPIRY, Decimal(26013), Right.CE)
    listed = a_master()
    odd = listed | {slip: listed[Contract(Index.NIFTY, EXPIRY, Decimal(26000), Right.CE)]._replace(contract=slip)}
    legs = (Leg(side=Side.BUY, right=Right.CE, strike=PercentStrike(percent=Decimal(0))),)
    basket = a_basket(strategies=(a_strategy(legs=legs),))

    for masters in ({VENUE: listed, "mstock#test": odd}, {VENUE: listed}):
        assert [order.contract.strike for order in decide_with(masters, basket).orders] == [26000]


def test_a_strike_is_named_by_its_rule_and_taken_from_the_list() -> None:
    legs = (
        Leg(side=Side.SELL, right=Right.CE, strike=AtmStrike(offset=4)),
        Leg(side=Side.BUY, right=Right.CE, strike=FixedStrike(strike=Decimal(26500))),
    )

    orders = decided(a_basket(strategies=(a_strategy(legs=legs),))).orders

    assert [order.contract.strike for order in orders] == [26500, 26200]


def test_two_rules_that_meet_in_one_strike_must_not_buy_and_sell_it() -> None:
    legs = (
        Leg(side=Side.SELL, right=Right.CE, strike=AtmStrike(offset=4)),
        Leg(side=Side.BUY, right=Right.CE, strike=FixedStrike(strike=Decimal(26200))),
    )

    assert refused(a_basket(strategies=(a_strategy(legs=legs),))) == "legs_cancel_out"


@pytest.mark.parametrize(("bid", "ask"), [("0", "5"), ("5", "0"), ("100.50", "99.50"), ("74", "126"), ("0.05", "2.10")])
def test_a_price_that_says_nothing_makes_the_run_undecidable(bid: str, ask: str) -> None:
    quote = Quote(bid=Decimal(bid), ask=Decimal(ask), last=Decimal(100))
    chain = {option: quote if option == (Decimal(26400), Right.CE) else good for option, good in a_chain().items()}

    assert refused(a_basket(), a_snapshot()._replace(chain=chain)) == "no_usable_quote"


def test_a_feed_that_stands_still_makes_the_run_undecidable() -> None:
    assert refused(a_basket(), a_snapshot()._replace(as_of=AT - timedelta(seconds=11))) == "market_feed_stale"
    assert refused(a_basket(), a_snapshot()._replace(as_of=AT + timedelta(seconds=11))) == "market_feed_stale"


@pytest.mark.parametrize("broken", [{"lot_size": 0}, {"lot_size": 1801}, {"tick": Decimal(0)}])
def test_a_venue_whose_list_makes_no_sense_does_not_list_the_contract(broken: dict[str, Any]) -> None:
    odd = {contract: each._replace(**broken) for contract, each in a_master().items()}
    masters = {VENUE: a_master(), "mstock#test": odd}

    assert {venue for order in decide_with(masters).orders for venue in order.listings} == {VENUE}
    with pytest.raises(Undecidable):
        decide_with({"mstock#test": odd})


def test_each_venue_has_the_price_on_its_own_tick() -> None:
    coarse = {contract: each._replace(tick=Decimal("0.25")) for contract, each in a_master().items()}
    decision = decide_with({VENUE: a_master(), "mstock#test": coarse})
    limits = [
        {(each.side, each.limit_price) for each in tickets(decision, seat, 0)[0].intents}
        for seat in (a_seat(), at_mstock())
    ]

    assert limits == [
        {(Side.BUY, Decimal("110.55")), (Side.SELL, Decimal("89.55"))},
        {(Side.BUY, Decimal("110.75")), (Side.SELL, Decimal("89.50"))},
    ]


def test_hedges_are_decided_before_sells_whatever_the_template_says() -> None:
    assert [order.side for order in decided(a_basket()).orders] == [Side.BUY, Side.BUY, Side.SELL, Side.SELL]


def test_the_expiry_of_a_week_that_ends_on_a_holiday_is_the_day_before() -> None:
    assert list(expiries(a_basket(), (0,), ON, TradingCalendar())) == [(Index.NIFTY, EXPIRY)]


def test_a_contract_no_venue_lists_makes_the_run_undecidable() -> None:
    with pytest.raises(Undecidable, match="no broker lists NIFTY 23 Nov 2026"):
        decided(a_basket(), master={})


def test_a_strike_without_a_quote_makes_the_run_undecidable() -> None:
    assert refused(a_basket(), a_snapshot()._replace(chain={})) == "no_usable_quote"


def test_a_seat_whose_broker_does_not_list_the_contract_is_skipped_with_the_reason() -> None:
    seat = a_seat()._replace(tenant="zebu#live")

    (ticket,) = tickets(decided(a_basket()), seat, 0)

    assert ticket.skipped == "contract_not_listed_at_broker"
    assert ticket.intents == ()


def test_quantities_are_lots_times_multiplier_times_the_brokers_lot_size() -> None:
    assert {intent.quantity for intent in one_ticket("2").intents} == {130}


def test_a_multiplier_below_one_still_trades_a_whole_lot() -> None:
    assert {intent.quantity for intent in one_ticket("0.4").intents} == {65}


@given(multiplier=st.decimals(min_value="0.01", max_value="1000", places=2), cap=st.none() | st.integers(1, 1000))
def test_slices_are_whole_lots_under_freeze_and_cap_and_add_up(multiplier: Decimal, cap: int | None) -> None:
    most = freeze_quantity(Index.NIFTY, ON)
    ticket = one_ticket(str(multiplier), cap)

    for leg in range(4):
        sizes = [intent.quantity for intent in ticket.intents if intent.leg == leg]
        assert sum(sizes) == max(1, int(multiplier)) * 65
        assert all(0 < size <= min(most, (cap or 1000) * 65) and size % 65 == 0 for size in sizes)


@given(
    freeze=st.none() | st.integers(900, 5000),
    multiplier=st.decimals(min_value="0.01", max_value="1000", places=2),
    cap=st.none() | st.integers(1, 1000),
)
def test_whatever_a_broker_lists_slices_add_up_and_are_whole_lots_the_exchange_takes(
    freeze: int | None, multiplier: Decimal, cap: int | None
) -> None:
    master = {contract: each._replace(freeze_quantity=freeze) for contract, each in a_master().items()}
    decision = decide_with({VENUE: master}, a_basket(strategies=(a_strategy(legs=a_strategy().legs[:1]),)))

    (ticket,) = tickets(decision, a_seat(str(multiplier), cap), 0)

    sizes = [intent.quantity for intent in ticket.intents]
    most = min(1800, freeze or 1800, (cap or 1000) * 65)
    assert sum(sizes) == max(1, int(multiplier)) * 65
    assert all(0 < size <= most and size % 65 == 0 for size in sizes)
    assert len(sizes) == -(-sum(sizes) // (most // 65 * 65))


@given(lots=st.lists(st.integers(1, 50), min_size=1, max_size=8), multiplier=st.decimals("0.01", 1000, places=2))
def test_who_may_trade_a_template_sends_its_orders_within_a_second(lots: list[int], multiplier: Decimal) -> None:
    legs = tuple(
        Leg(side=Side.BUY, right=Right.CE, strike=AtmStrike(offset=at), lots=each) for at, each in enumerate(lots)
    )
    basket = a_basket(strategies=(a_strategy(legs=legs),))

    (ticket,) = tickets(decided(basket), a_seat(str(multiplier)), 0)

    assert (excesses(basket, [Size(multiplier)], ON) == [None]) == (len(ticket.intents) <= EXCHANGE_PACE.calls)


@given(multiplier=st.integers(1, 200), cap=st.integers(1, 5))
def test_orders_that_do_not_fit_into_a_second_are_spread(multiplier: int, cap: int) -> None:
    budget, now = Budget(()), 0.0
    sent: list[float] = []

    for _ in one_ticket(str(multiplier), cap).intents:
        now += budget.wait_s(sent, now)
        sent.append(now)

    assert all(later - earlier >= 1 - 1e-6 for earlier, later in zip(sent, sent[10:], strict=False))


@given(multiplier=st.integers(1, 200))
def test_every_intent_has_a_tag_of_its_own_that_every_broker_takes(multiplier: int) -> None:
    tags = [intent.tag for intent in one_ticket(str(multiplier)).intents]

    assert len(set(tags)) == len(tags)
    assert all(len(tag) == 20 and tag.isascii() and tag.isalnum() for tag in tags)


def test_planning_twice_gives_the_same_intents() -> None:
    assert one_ticket("3") == one_ticket("3")


@given(count=st.integers(0, 600), size=st.integers(1, 250), tenants=st.integers(1, 5))
def test_shards_hold_every_seat_once_and_keep_tenants_together(count: int, size: int, tenants: int) -> None:
    seats = [a_seat()._replace(subscription_id=f"s{n}", tenant=f"t{n % tenants}#test") for n in range(count)]

    shards = shard(seats, size, "run_1")

    flat = [seat for each in shards for seat in each]
    assert sorted(seat.subscription_id for seat in flat) == sorted(seat.subscription_id for seat in seats)
    assert all(len(each) <= size for each in shards)
    changes = sum(left.tenant != right.tenant for left, right in pairwise(flat))
    assert changes <= tenants - 1


def test_a_scheduled_entry_knows_when_the_last_of_it_leaves_and_one_asked_for_does_not() -> None:
    basket = a_basket()
    asked = a_due(basket).model_copy(update={"scope": "zebu#test"})
    snapshots, masters = {(Index.NIFTY, EXPIRY): a_snapshot()}, {VENUE: a_master()}

    assert decided(basket).leaves_at == datetime.combine(ON, basket.strategies[0].exit_time, IST)
    assert decide(asked, basket, snapshots, masters, TradingCalendar(), AT, ON).leaves_at is None


@pytest.mark.parametrize(
    ("hour", "product", "skipped"),
    [
        (time(15, 15), Product.INTRADAY, "exit_after_square_off"),
        (time(15, 16), Product.INTRADAY, None),
        (time(15, 15), Product.CARRY, None),
    ],
)
def test_nobody_enters_at_a_broker_that_would_close_the_position_before_the_strategy_does(
    hour: time, product: Product, skipped: str | None
) -> None:
    strategy = a_basket().strategies[0].model_copy(update={"product": product})
    basket = a_basket().model_copy(update={"strategies": (strategy,)})
    snapshots = {(Index.NIFTY, EXPIRY): a_snapshot()}
    decision = decide(a_due(basket), basket, snapshots, {VENUE: a_master()}, early_closing(hour), AT, ON)

    (ticket,) = tickets(Decision.model_validate_json(decision.model_dump_json()), a_seat(), 0)

    assert ticket.skipped == skipped
    assert bool(ticket.intents) is (skipped is None)


def test_a_run_that_is_closed_when_its_partner_asks_has_no_exit_that_could_come_too_late() -> None:
    basket = a_basket()
    asked = a_due(basket).model_copy(update={"scope": "zebu#test"})
    snapshots = {(Index.NIFTY, EXPIRY): a_snapshot()}

    decision = decide(asked, basket, snapshots, {VENUE: a_master()}, early_closing(), AT, ON)

    assert (decision.intraday_until, tickets(decision, a_seat(), 0)[0].skipped) == (None, None)
