"""At which limit an order goes: hand-worked examples, and what holds whatever a row shows."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.contracts import Right
from quantleap.domain.curve import Curve, Range, exercised
from quantleap.domain.errors import Undecidable
from quantleap.domain.market import BAND, NO_QUOTE, Quote
from quantleap.domain.pricing import STEPS, Known, Price, entering, leaving
from quantleap.domain.trading import Side
from tests.unit.test_strike_choice import World, a_chain, amounts, one_wrong_row, rights, worlds

TRIES = range(1, len(STEPS) + 1)

quotes = st.builds(Quote, amounts, amounts, amounts)
prices = st.decimals("0.05", 5_000, places=2)
ranges = st.builds(lambda low, wide: Range(low, low + wide), prices, st.decimals(0, 50, places=2))
known = st.builds(Known, prices, st.none() | ranges, st.just(Decimal(0)) | prices)
sides = st.sampled_from(Side)


def rupees(*values: str) -> list[Decimal]:
    return [Decimal(value) for value in values]


def quote(bid: str, ask: str, last: str) -> Quote:
    return Quote(*rupees(bid, ask, last))


def limits(side: Side, shown: Quote, of: Known) -> list[Decimal]:
    return [leaving(side, shown, of, tries).limit for tries in TRIES]


def worth(low: str, high: str) -> Range:
    return Range(*rupees(low, high))


@pytest.mark.parametrize(
    ("shown", "of", "wanted"),
    [
        # Usual: the ask and 10 %, then 25 %, as far as the neighbours' most and as much allow.
        (quote("99.50", "100.50", "100"), Known(Decimal(300), worth("99", "101")), ("110.55", "125.625", "150.75")),
        # A stub ask: entry says the most of what else is known, 12; 5, 10 and 20 rupees are the least steps.
        (quote("10", "4000", "11"), Known(Decimal(12)), ("17", "22", "32")),
        (quote("10", "4000", "11"), Known(Decimal(12), worth("9", "12")), ("17", "22", "32")),
        # Neighbours say 100, the row and the entry 12: first the less, then what the neighbours say.
        (quote("10", "4000", "11"), Known(Decimal(12), worth("99", "100")), ("17", "125", "150")),
        # A row that is wrong on all sides is worth to nobody what it shows.
        (quote("3900", "4000", "3950"), Known(Decimal(12), worth("9", "12")), ("17", "22", "32")),
        # The index jumped: bid, neighbours and index bear the ask out, whatever the entry was.
        (quote("390", "410", "11"), Known(Decimal(12), worth("395", "405")), ("445.5", "506.25", "607.5")),
        # Nobody shows anything: the neighbours, or else the entry.
        (NO_QUOTE, Known(Decimal(300), worth("99", "100")), ("110", "125", "150")),
        (NO_QUOTE, Known(Decimal(300)), ("330", "375", "450")),
        # In the money by 380 and nothing else known of it.
        (quote("0", "400", "0"), Known(Decimal(12), exercised=Decimal(380)), ("418", "475", "570")),
    ],
)
def test_a_purchase_pays_what_is_asked_up_to_what_else_is_known(
    shown: Quote, of: Known, wanted: tuple[str, ...]
) -> None:
    assert limits(Side.BUY, shown, of) == rupees(*wanted)


@pytest.mark.parametrize(
    ("shown", "of", "wanted"),
    [
        (quote("99.50", "100.50", "100"), Known(Decimal(10), worth("99", "101")), ("89.55", "74.625", "49.75")),
        # A hedge that is worth next to nothing goes at once: 5 rupees are less than the least step.
        (quote("0.45", "0.55", "0.50"), Known(Decimal(12), worth("0.40", "0.60")), ("-4.55", "-9.55", "-19.55")),
        # A stub bid: neighbours know better, and the last try still asks for half of that.
        (quote("0.05", "4000", "100"), Known(Decimal(95), worth("98", "102")), ("88.2", "73.5", "49")),
        # Nobody else knows: entry and last do at first, then whoever bids has it.
        (quote("0.05", "0", "100"), Known(Decimal(95)), ("85.5", "71.25", "-19.95")),
        # The index knows at every try.
        (quote("0.05", "0", "0"), Known(Decimal(12), exercised=Decimal(300)), ("270", "225", "150")),
        # Bid and neighbours agree that the price fell since the entry.
        (quote("39.50", "40.50", "90"), Known(Decimal(100), worth("39", "41")), ("34.5", "29.5", "19.5")),
        # Nobody shows anything: half of the entry is the least.
        (NO_QUOTE, Known(Decimal(300)), ("270", "225", "150")),
    ],
)
def test_a_sale_takes_what_is_bid_down_to_what_else_is_known(shown: Quote, of: Known, wanted: tuple[str, ...]) -> None:
    assert limits(Side.SELL, shown, of) == rupees(*wanted)


@given(quotes, known)
def test_no_purchase_goes_beyond_half_as_much_again_as_something_else_than_the_ask_says(
    shown: Quote, of: Known
) -> None:
    said = [each for each in (shown.bid, shown.last) if each.is_finite()] if of.worth is None else [of.worth.high]
    most = max(*said, of.exercised, of.entered if of.worth is None else Decimal(0))

    for limit in limits(Side.BUY, shown, of):
        assert Decimal(0) < limit <= max(most * Decimal("1.5"), most + 20)


@given(quotes, known)
def test_no_sale_goes_below_half_of_what_neighbours_or_the_index_say(shown: Quote, of: Known) -> None:
    least = max(of.worth.low if of.worth else Decimal(0), of.exercised)

    for limit in limits(Side.SELL, shown, of):
        assert limit >= min(least / 2, least - 20)


@given(quotes, known)
def test_each_try_to_leave_goes_at_least_as_far_as_the_one_before(shown: Quote, of: Known) -> None:
    assert all(later >= earlier for earlier, later in pairwise(limits(Side.BUY, shown, of)))
    assert all(later <= earlier for earlier, later in pairwise(limits(Side.SELL, shown, of)))


@given(sides, prices, st.decimals(0, 3, places=2), st.integers(1, 3))
def test_what_is_quoted_and_borne_out_is_taken(side: Side, bid: Decimal, spread: Decimal, tries: int) -> None:
    shown = Quote(bid, bid + spread, bid)
    priced = leaving(side, shown, Known(bid, Range(bid, bid + spread)), tries)

    assert priced.limit >= shown.ask if side is Side.BUY else priced.limit <= shown.bid
    assert priced.reference == (shown.ask if side is Side.BUY else shown.bid)


@given(sides, prices)
def test_a_quote_nobody_can_bear_out_enters_nothing(side: Side, bid: Decimal) -> None:
    for of in (None, Range(bid * 2 + 6, bid * 2 + 6), Range(bid / 4, bid / 4 + Decimal("0.01"))):
        if of is None or bid > 10:
            with pytest.raises(Undecidable, match="quote"):
                entering(side, Quote(bid, bid, bid), of)


def an_entry(chain_of: World, option: tuple[Decimal, Right], side: Side, data: st.DataObject | None) -> Price | None:
    """The price of an option, in the chain as it is or with one row of it wrong; None where that is refused."""
    chain = chain_of.chain
    if data is not None:
        mid = chain.mid(*option)
        assert mid is not None
        chain = one_wrong_row(data, chain, option[0], mid * data.draw(st.sampled_from([1, 2])))
    shown = chain.snapshot.chain.get(option)
    try:
        return None if shown is None else entering(side, shown, chain.curve(option[1]).worth(option[0]))
    except Undecidable:
        return None


@given(worlds, st.integers(-10, 10), rights, sides, st.data())
def test_one_wrong_row_moves_no_entry_further_than_its_neighbours_allow(
    world: World, away: int, right: Right, side: Side, data: st.DataObject
) -> None:
    strikes = world.chain.strikes[right]
    option = strikes[len(strikes) // 2 + away], right
    honest, spoilt = (an_entry(world, option, side, each) for each in (None, data))

    if spoilt is None:
        return
    assert honest is not None
    of = world.chain.curve(right).worth(option[0])
    assert of is not None
    assert spoilt.limit <= max(honest.limit, of.high + BAND.around(of.high))
    assert spoilt.limit >= min(honest.limit, of.low - BAND.around(of.low))


@given(worlds, rights)
def test_the_neighbours_of_every_option_of_a_sane_chain_bear_it_out(world: World, right: Right) -> None:
    chain = world.chain
    for strike in chain.strikes[right]:
        of, mid = chain.curve(right).worth(strike), chain.mid(strike, right)
        assert of is not None
        assert mid is not None
        assert of.low <= mid <= of.high


def test_an_index_that_is_wrong_makes_no_option_worth_more_than_its_chain_says() -> None:
    snapshot = a_chain().snapshot
    strike = Decimal(25000)

    for spot in (snapshot.spot, Decimal(99_999), Decimal("NaN"), Decimal(0)):
        assert exercised(snapshot._replace(spot=spot), strike, Right.CE) <= snapshot.spot * Decimal("1.002") - strike
    assert exercised(snapshot._replace(chain={}), strike, Right.CE) == snapshot.spot - strike


def test_an_option_without_a_priced_neighbour_is_worth_nobody_knows_what() -> None:
    snapshot = a_chain().snapshot

    assert Curve.of(snapshot._replace(chain={}), Right.CE).worth(Decimal(26000)) is None
