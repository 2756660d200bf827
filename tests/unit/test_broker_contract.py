"""What every broker does alike, played against the simulator that speaks as that broker does."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import batched
from typing import Any

import pytest

from quantleap.adapters.brokers.directory import BROKERS
from quantleap.adapters.lines import AsyncLines
from quantleap.domain.account import Credentials
from quantleap.domain.basket import Side
from quantleap.domain.broker import (
    BrokerFailure,
    InsufficientFunds,
    NotSent,
    OrderGone,
    OrderStatus,
    RateLimited,
    Refused,
    SessionExpired,
    Unknown,
)
from quantleap.domain.capabilities import Binding
from quantleap.domain.contracts import Contract, Index, Right
from sandbox.broker.houses import HOUSES
from tests.unit.desk import Desk
from tests.unit.simulator import MORNING, Remote, running

CALL = Contract(Index.NIFTY, date(2026, 12, 1), Decimal(26000), Right.CE)
FAR_CALL = CALL._replace(strike=Decimal(26500))
MONTHLY = Contract(Index.BANKNIFTY, date(2026, 12, 29), Decimal(58500), Right.PE)
DEAR = Decimal("2000.00")


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture(scope="module", params=sorted(BROKERS))
def opened(request: pytest.FixtureRequest, server: Remote) -> Desk:
    server.clock.at = MORNING
    return Desk(request.param, server)


@pytest.fixture
def desk(opened: Desk) -> Desk:
    opened.remote.send("POST", "/control/reset")
    opened.remote.clock.at = MORNING
    return opened


def placed_orders(desk: Desk) -> list[dict[str, Any]]:
    return desk.remote.orders(broker=desk.name)


def test_every_broker_has_a_simulated_one() -> None:
    assert BROKERS.keys() == HOUSES.keys()


def test_a_login_gives_a_session_of_the_client_until_the_brokers_hour(desk: Desk) -> None:
    session = desk.log_in()

    assert session.client_id == "TEST123"
    assert MORNING < session.expires_at <= desk.broker.capability.token.ends(MORNING)


def test_a_login_returns_with_the_state_where_the_broker_says_so(desk: Desk) -> None:
    came = desk.come_back("st&te 1")

    assert desk.broker.capability.login.code(came)
    if desk.broker.capability.login.binding is Binding.STATE:
        assert came["state"] == "st&te 1"


@pytest.mark.parametrize("spoilt", ["code", "secret", "app"])
def test_a_login_that_is_not_good_is_refused(desk: Desk, spoilt: str) -> None:
    good = desk.finished()
    bad: dict[str, dict[str, Any]] = {
        "code": {"code": "nobodys-code"},
        "secret": {"credentials": Credentials(api_key=good.credentials.api_key, api_secret="wrong")},
        "app": {"credentials": Credentials(api_key="nobodys-key", api_secret="wrong"), "came": {}},
    }
    if spoilt == "secret" and not desk.broker.capability.login.secret:
        pytest.skip("this broker's login needs no secret")

    with pytest.raises((Refused, SessionExpired)):
        desk.log_in(good.model_copy(update=bad[spoilt]))


def test_the_profile_says_whose_session_it_is(desk: Desk) -> None:
    assert desk.owner() == "TEST123"


def test_an_order_is_placed_found_in_the_book_changed_and_taken_back(desk: Desk) -> None:
    order = desk.order(CALL)
    number = desk.place(order)
    [booked] = desk.book()

    assert (booked.order_id, booked.tag, booked.symbol) == (number, "ql0001", order.instrument.symbol)
    assert (booked.status, booked.quantity, booked.limit_price) == (OrderStatus.OPEN, 65, Decimal("0.05"))

    desk.modify(number, order._replace(quantity=130, limit_price=Decimal("0.10")))
    [changed] = desk.book()
    assert (changed.quantity, changed.limit_price, changed.status) == (130, Decimal("0.10"), OrderStatus.OPEN)

    desk.cancel(number, order)
    [gone] = desk.book()
    assert (gone.status, gone.filled, gone.refusal) == (OrderStatus.CANCELLED, 0, None)


def test_an_empty_book_is_empty(desk: Desk) -> None:
    assert list(desk.book()) == []
    assert desk.tagged("ql0001") == []
    assert list(desk.ask(desk.broker.positions, desk.broker.held)) == []


def test_an_order_is_found_by_its_tag(desk: Desk) -> None:
    for tag in ("ql0001", "qlabcdefghijklmnopqr"):
        desk.place(desk.order(CALL, tag=tag))

    [found] = desk.tagged("qlabcdefghijklmnopqr")

    assert found.tag == "qlabcdefghijklmnopqr"
    assert desk.tagged("ql0002") == []


def test_the_tags_we_make_fit_every_broker(desk: Desk) -> None:
    assert desk.broker.capability.tag.fits("qlabcdefghijklmnop12")


def test_a_filled_order_says_how_many_and_at_what_price(desk: Desk) -> None:
    desk.place(desk.order(CALL, limit_price=DEAR))

    [booked] = desk.book()

    assert (booked.status, booked.filled) == (OrderStatus.FILLED, 65)
    assert booked.average_price == Decimal(desk.remote.quote()["ask"])


def test_a_partly_filled_order_is_told_from_an_open_one(desk: Desk) -> None:
    desk.remote.behave(fill="partial")
    desk.place(desk.order(CALL, limit_price=DEAR, quantity=130))

    [booked] = desk.book()

    assert (booked.status, booked.filled, booked.quantity) == (OrderStatus.PARTIAL, 65, 130)


def test_a_stop_order_waits_for_its_trigger(desk: Desk) -> None:
    stop = desk.order(CALL, limit_price=DEAR, trigger_price=Decimal("1999.00"))
    number = desk.place(stop)

    desk.modify(number, stop._replace(trigger_price=Decimal("1999.50")))

    [booked] = desk.book()
    assert (booked.status, booked.limit_price) == (OrderStatus.OPEN, DEAR)
    desk.cancel(number, stop)


def test_positions_and_funds_follow_the_orders(desk: Desk) -> None:
    before = desk.ask(desk.broker.funds, desk.broker.money)
    desk.place(desk.order(CALL, limit_price=DEAR))
    desk.place(desk.order(FAR_CALL, side=Side.SELL))

    held = {position.symbol: position for position in desk.ask(desk.broker.positions, desk.broker.held)}
    after = desk.ask(desk.broker.funds, desk.broker.money)

    bought, sold = (held[desk.listed[contract].symbol] for contract in (CALL, FAR_CALL))
    assert (bought.quantity, sold.quantity) == (65, -65)
    assert bought.product is desk.order(CALL).product
    assert bought.average_price == Decimal(desk.remote.quote()["ask"])
    assert bought.last_price == Decimal(desk.remote.quote()["last"])
    assert before.used == 0
    assert after.used > 65 * 26500 * Decimal("0.12")
    assert after.available == before.available - after.used


def test_the_margin_of_a_basket_is_told_before_it_is_placed(desk: Desk) -> None:
    basket = [desk.order(CALL, limit_price=DEAR), desk.order(FAR_CALL, side=Side.SELL)]

    at_once = desk.broker.capability.margin_at_once
    parts = [desk.ask(desk.broker.margin, desk.broker.required, [*part]) for part in batched(basket, at_once)]  # noqa: B911
    required = sum(parts)

    assert required >= 65 * 26500 * Decimal("0.12")


def test_quotes_are_the_markets(desk: Desk) -> None:
    wanted = [desk.listed[CALL], desk.listed[MONTHLY]][: desk.broker.capability.quotes_at_once]

    quotes = desk.ask(desk.broker.quotes, lambda answer: desk.broker.quoted(answer, wanted), wanted)

    seen = desk.remote.quote()
    assert quotes.keys() == {one.contract for one in wanted}
    sides = ("bid", "ask", "last") if desk.broker.capability.quote_depth else ("last",) * 3
    assert list(quotes[CALL]) == [Decimal(seen[price]) for price in sides]


def test_the_list_of_contracts_is_the_exchanges(desk: Desk) -> None:
    weekly, monthly = desk.listed[CALL], desk.listed[MONTHLY]

    assert (weekly.exchange, weekly.lot_size, weekly.tick) == (weekly.exchange, 65, Decimal("0.05"))
    assert monthly.lot_size == 30
    assert {contract.index for contract in desk.listed} == set(Index)
    assert len({row.symbol + row.token for row in desk.listed.values()}) == len(desk.listed)


def test_a_dead_token_is_told_by_every_call(desk: Desk) -> None:
    order = desk.order(CALL)
    kept = desk.session
    desk.remote.send("POST", "/control/sessions/expire", {"client_id": "TEST123", "broker": desk.name})
    broker = desk.broker
    calls: list[tuple[Any, ...]] = [
        (broker.profile, lambda answer: broker.owner(answer, desk.session)),
        (broker.place, broker.placed, order),
        (broker.modify, broker.done, "1", order),
        (broker.cancel, broker.done, "1", order),
        (broker.order_book, broker.orders),
        (broker.find, broker.orders, "ql0001"),
        (broker.positions, broker.held),
        (broker.funds, broker.money),
        (broker.margin, broker.required, [order]),
        (broker.quotes, lambda answer: broker.quoted(answer, [order.instrument]), [order.instrument]),
    ]
    try:
        for request, read, *args in calls:
            with pytest.raises(SessionExpired):
                desk.ask(request, read, *args)
    finally:
        desk.session = desk.log_in()
    assert desk.session.access_token != kept.access_token


@pytest.mark.parametrize(
    "changes",
    [
        {"quantity": 66},
        {"quantity": 1885},
        {"limit_price": Decimal("100.03")},
    ],
    ids=["odd lot", "above freeze", "off tick"],
)
def test_an_order_the_broker_does_not_take_is_refused_and_not_in_the_book(desk: Desk, changes: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        desk.place(desk.order(CALL, **changes))

    assert placed_orders(desk) == []


def test_a_contract_the_broker_does_not_list_is_refused(desk: Desk) -> None:
    order = desk.order(CALL)
    nothing = CALL._replace(strike=Decimal(99950))
    unlisted = order.instrument._replace(symbol="NIFTY99NOSUCH", token="1", contract=nothing)

    with pytest.raises(Refused):
        desk.place(order._replace(instrument=unlisted))

    assert placed_orders(desk) == []


def test_a_finished_order_cannot_be_changed_or_taken_back(desk: Desk) -> None:
    order = desk.order(CALL)
    number = desk.place(order)
    desk.cancel(number, order)

    for again in (desk.modify, desk.cancel):
        with pytest.raises(OrderGone):
            again(number, order)


@pytest.mark.parametrize("reason", ["insufficient_funds", "market_closed", "price_band", "account_blocked"])
def test_a_rejection_is_told_at_once_or_in_the_book_by_our_word(desk: Desk, reason: str) -> None:
    desk.remote.behave(reject={reason: {"count": 1}})
    told = None
    try:
        desk.place(desk.order(CALL))
    except BrokerFailure as failure:
        told = failure.reason

    [booked] = desk.book() if placed_orders(desk) else [None]

    word = {"price_band": "price_out_of_band"}.get(reason, reason)
    assert told in {None, word}
    assert told == word or booked is not None
    if booked is not None:
        assert (booked.status, booked.filled, booked.refusal) == (OrderStatus.REJECTED, 0, word)
        assert booked.reason


def test_too_fast_is_told_and_nothing_is_placed(desk: Desk) -> None:
    desk.remote.behave(reject={"rate_limited": {"count": 1}})

    with pytest.raises(RateLimited):
        desk.place(desk.order(CALL))

    assert placed_orders(desk) == []
    assert desk.place(desk.order(CALL))


@pytest.mark.parametrize(
    ("fault", "exists"),
    [
        ("http_500_before_place", False),
        ("http_500_after_place", True),
        ("empty_body", True),
        ("html", True),
        ("drop_before_place", False),
        ("drop_after_place", True),
    ],
)
def test_after_a_broken_answer_only_the_book_knows(desk: Desk, fault: str, exists: bool) -> None:  # noqa: FBT001
    desk.remote.behave(faults={fault: {"count": 1}})

    with pytest.raises(Unknown):
        desk.place(desk.order(CALL, tag="qlbroken"))

    assert [order.tag for order in desk.tagged("qlbroken")] == (["qlbroken"] if exists else [])


@pytest.mark.parametrize("fault", ["wrong_type", "slow_drip"])
def test_a_whole_answer_counts_however_it_came(desk: Desk, fault: str) -> None:
    desk.remote.behave(faults={fault: {"count": 1}})

    number = desk.place(desk.order(CALL))

    assert [order["order_id"] for order in placed_orders(desk)] == [number]


def test_an_order_whose_session_was_killed_is_unknown_until_the_next_login(desk: Desk) -> None:
    desk.remote.behave(faults={"session_killed": {"count": 1}})
    try:
        with pytest.raises(Unknown):
            desk.place(desk.order(CALL, tag="qlkilled"))
        with pytest.raises(SessionExpired):
            desk.tagged("qlkilled")
    finally:
        desk.session = desk.log_in()
    assert [order.tag for order in desk.tagged("qlkilled")] == ["qlkilled"]


def test_in_a_storm_of_429_every_call_says_so_and_nothing_is_placed(desk: Desk) -> None:
    desk.remote.behave(storm={})
    broker, order = desk.broker, desk.order(CALL)
    calls: list[tuple[Any, ...]] = [
        (broker.place, broker.placed, order),
        (broker.modify, broker.done, "1", order),
        (broker.cancel, broker.done, "1", order),
        (broker.order_book, broker.orders),
        (broker.positions, broker.held),
        (broker.funds, broker.money),
    ]
    for request, read, *args in calls:
        with pytest.raises(RateLimited):
            desk.ask(request, read, *args)

    assert placed_orders(desk) == []


def test_an_accepted_order_may_be_rejected_in_the_book(desk: Desk) -> None:
    desk.remote.behave(reject_after_accept={"insufficient_funds": {"count": 1}})

    number = desk.place(desk.order(CALL))

    [booked] = desk.book()
    assert (booked.order_id, booked.status, booked.filled) == (number, OrderStatus.REJECTED, 0)
    assert booked.refusal in {"insufficient_funds", "refused"}, "one broker's book gives no reason"


@pytest.mark.parametrize("skew_s", [-90, 90])
def test_a_brokers_clock_that_is_off_by_a_little_does_no_harm(desk: Desk, skew_s: int) -> None:
    desk.remote.behave(clock_skew_s=skew_s)

    number = desk.place(desk.order(CALL))

    assert [order.order_id for order in desk.book()] == [number]


def test_a_brokers_clock_that_is_off_by_days_ends_the_session(desk: Desk) -> None:
    desk.remote.behave(clock_skew_s=2 * 86_400)

    with pytest.raises(SessionExpired):
        desk.place(desk.order(CALL))
    assert placed_orders(desk) == []


def test_a_money_refusal_is_never_taken_for_a_retry(desk: Desk) -> None:
    assert not InsufficientFunds.retry
    assert RateLimited.retry
    assert NotSent.retry


async def test_prepared_bytes_on_an_open_connection_place_the_same_order(desk: Desk) -> None:
    lines = AsyncLines()
    request = desk.broker.place(desk.session, desk.order(CALL, tag="qlprepared"))
    line = lines.line(request.base_url)
    await line.open()

    number = desk.broker.placed(await line.write(lines.prepare(request)))

    line.close()
    [order] = placed_orders(desk)
    assert (order["order_id"], order["tag"]) == (number, "qlprepared")
