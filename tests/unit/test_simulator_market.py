"""The simulated market: the same for the same seed and second, sane at any, and quoted as an exchange quotes."""

import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.contracts import TICK, Contract, Index, Right
from quantleap.domain.series import expiry_date, expiry_types, strike_step
from quantleap.domain.sessions import AlwaysOpen
from sandbox.broker.listing import chain, expiries, listings
from sandbox.broker.market import CHARACTERS, RATE, Market, black_scholes

NOON = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
SATURDAY = date(2026, 11, 21)

indexes = st.sampled_from(Index)
instants = st.datetimes(datetime(2025, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds
seeds = st.integers(0, 1000)


def contract(strike: int = 26000, right: Right = Right.CE, expiry: date = date(2026, 12, 1)) -> Contract:
    return Contract(Index.NIFTY, expiry, Decimal(strike), right)


@given(seeds, indexes, instants)
def test_an_instant_asked_about_twice_answers_the_same(seed: int, index: Index, at: datetime) -> None:
    assert Market(seed).spot(index, at) == Market(seed).spot(index, at)


def test_another_seed_is_another_market() -> None:
    assert Market(1).spot(Index.NIFTY, NOON) != Market(2).spot(Index.NIFTY, NOON)


def test_prices_hold_for_a_second_and_move_with_the_next() -> None:
    market = Market(1)
    late, next_second = NOON + timedelta(microseconds=999_999), NOON + timedelta(seconds=1)

    assert market.quote(contract(), NOON) == market.quote(contract(), late)
    assert market.spot(Index.NIFTY, NOON) != market.spot(Index.NIFTY, next_second)


@given(seeds, indexes, instants)
def test_an_index_stays_within_three_per_cent_of_its_base(seed: int, index: Index, at: datetime) -> None:
    base = Decimal(CHARACTERS[index].base)

    assert abs(Market(seed).spot(index, at) / base - 1) < Decimal("0.03")


def test_a_day_moves_an_index_like_an_index() -> None:
    market = Market(1)
    days = [market.spot(Index.NIFTY, NOON + timedelta(days=n)) for n in range(250)]
    moves = [abs(float(b / a) - 1) for a, b in pairwise(days)]

    assert 0.002 < sum(moves) / len(moves) < 0.015


@given(seeds, indexes, instants, st.integers(-40, 40), st.sampled_from(Right))
def test_any_strike_a_strategy_may_ask_for_is_listed_and_quoted_on_the_tick(
    seed: int, index: Index, at: datetime, offset: int, right: Right
) -> None:
    market = Market(seed)
    expiry = expiry_date(index, expiry_types(index)[0], date(2026, 11, 21), AlwaysOpen())
    step = strike_step(index)
    strike = (market.spot(index, at) / step).to_integral_value() * step + offset * step
    wanted = Contract(index, expiry, strike, right)

    quote = market.quote(wanted, at)

    assert wanted in chain(index, expiry)
    assert TICK <= quote.bid < quote.ask
    assert quote.bid <= quote.last <= quote.ask
    assert all(price % TICK == 0 for price in quote)


def test_calls_get_cheaper_and_puts_dearer_with_the_strike() -> None:
    market = Market(1)
    quotes = market.chain(chain(Index.NIFTY, date(2026, 12, 1)), NOON)

    calls = [quote.last for one, quote in quotes.items() if one.right is Right.CE]
    puts = [quote.last for one, quote in quotes.items() if one.right is Right.PE]

    assert calls == sorted(calls, reverse=True)
    assert puts == sorted(puts)


@given(
    st.floats(10_000, 60_000),
    st.floats(0.8, 1.25),
    st.floats(0.001, 1),
    st.floats(0.05, 0.6),
)
def test_call_less_put_is_spot_less_the_strike_paid_later(
    spot: float, moneyness: float, years: float, volatility: float
) -> None:
    strike = spot * moneyness

    call = black_scholes(Right.CE, spot, strike, years, volatility)
    put = black_scholes(Right.PE, spot, strike, years, volatility)

    assert math.isclose(call - put, spot - strike * math.exp(-RATE * years), abs_tol=1e-6)


def test_black_scholes_gives_the_price_of_the_textbook() -> None:
    # Hull, Options, Futures and Other Derivatives: 42 against 40, half a year, 20 %, interest 10 %.
    call, put = (black_scholes(right, 42, 40, 0.5, 0.2, rate=0.1) for right in Right)

    assert (round(call, 2), round(put, 2)) == (4.76, 0.81)


def test_an_option_that_has_expired_still_has_a_price() -> None:
    expired = contract(expiry=date(2026, 11, 23))

    assert Market(1).quote(expired, NOON + timedelta(hours=8)).ask > 0


def test_four_weeks_and_three_months_of_nifty_are_listed_and_a_month_of_the_others() -> None:
    assert expiries(Index.NIFTY, SATURDAY, AlwaysOpen()) == [
        date(2026, 11, 23),
        date(2026, 12, 1),
        date(2026, 12, 8),
        date(2026, 12, 15),
        date(2026, 12, 29),
        date(2027, 1, 25),  # Tue 26 January is a national holiday
    ]
    assert expiries(Index.BANKNIFTY, SATURDAY, AlwaysOpen()) == [
        date(2026, 11, 23),
        date(2026, 12, 29),
        date(2027, 1, 25),  # Tue 26 January is a national holiday
    ]


def test_tokens_name_one_contract_each_and_stay_from_day_to_day() -> None:
    today = {one.token: one.contract for one in listings(SATURDAY, AlwaysOpen())}
    later = {one.token: one.contract for one in listings(date(2026, 11, 25), AlwaysOpen())}

    assert len(set(today.values())) == len(today)
    assert all(today[token] == later[token] for token in today.keys() & later.keys())
