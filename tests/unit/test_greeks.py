"""Black's model: against another formula, against its own slope, and back from a price to what explains it."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.contracts import Right
from quantleap.domain.greeks import delta, implied_deviation, price
from sandbox.broker.market import black_scholes

forwards = st.floats(10_000, 80_000)
moneyness = st.floats(0.9, 1.1)
deviations = st.floats(0.005, 0.3)
rights = st.sampled_from(Right)


def test_a_call_of_the_textbook() -> None:
    # J. Hull, Options, Futures and Other Derivatives, Black's model: F = K = 20, 4 months, 9 %, volatility 25 %.
    put = price(Right.PE, 20, 20, 0.25 * math.sqrt(4 / 12)) * math.exp(-0.09 * 4 / 12)

    assert put == pytest.approx(1.12, abs=0.005)


@given(rights, forwards, moneyness, deviations, st.floats(0, 0.1))
def test_it_is_black_and_scholes_at_the_forward(
    right: Right, spot: float, ratio: float, deviation: float, rate: float
) -> None:
    strike, growth = spot * ratio, math.exp(rate)

    here = price(right, spot * growth, strike, deviation) / growth

    assert here == pytest.approx(black_scholes(right, spot, strike, 1, deviation, rate), abs=1e-6 * spot)


@given(rights, forwards, moneyness, deviations)
def test_a_delta_is_the_slope_of_the_price(right: Right, forward: float, ratio: float, deviation: float) -> None:
    strike, step = forward * ratio, forward * 1e-5

    up, down = (price(right, forward + each, strike, deviation) for each in (step, -step))

    sign = 1 if right is Right.CE else -1
    assert delta(right, forward, strike, deviation) == pytest.approx(sign * (up - down) / (2 * step), abs=1e-4)


@given(forwards, moneyness, deviations)
def test_the_deltas_of_a_call_and_its_put_make_one(forward: float, ratio: float, deviation: float) -> None:
    both = (delta(right, forward, forward * ratio, deviation) for right in Right)

    assert sum(both) == pytest.approx(1)


@given(rights, forwards, deviations, moneyness, st.floats(0.001, 0.05))
def test_a_higher_strike_has_a_call_of_less_delta_and_a_put_of_more(
    right: Right, forward: float, deviation: float, ratio: float, further: float
) -> None:
    lower, higher = (delta(right, forward, forward * each, deviation) for each in (ratio, ratio + further))

    assert lower >= higher if right is Right.CE else lower <= higher


@given(forwards, moneyness, deviations)
def test_what_explains_a_price_is_found_again(forward: float, ratio: float, deviation: float) -> None:
    right = Right.CE if ratio >= 1 else Right.PE
    strike = forward * ratio
    paid = price(right, forward, strike, deviation)

    found = implied_deviation(right, forward, strike, paid)

    if paid > 0.01:  # below a paisa a price says nothing
        assert found == pytest.approx(deviation, rel=1e-4)


@pytest.mark.parametrize("paid", [0, -1, 26_000, 1e9, math.nan])
def test_a_price_that_nothing_explains_is_told_apart(paid: float) -> None:
    assert implied_deviation(Right.CE, 26_000, 26_100, paid) is None
