"""Which strike each rule means, over simulated chains, and when nobody can say."""

import math
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from quantleap.domain.contracts import Index, Right
from quantleap.domain.errors import Undecidable
from quantleap.domain.greeks import delta, implied_deviation
from quantleap.domain.market import Quote, Snapshot
from quantleap.domain.series import strike_step
from quantleap.domain.strike_choice import Chain, choose
from quantleap.domain.strikes import (
    AtmStrike,
    DeltaStrike,
    FixedStrike,
    PercentStrike,
    PremiumStrike,
    StrikeRule,
)
from sandbox.broker.listing import chain as listed
from sandbox.broker.market import RATE, Market

AT = datetime(2026, 11, 19, 3, 50, tzinfo=UTC)
EXPIRY = date(2026, 11, 23)

seeds = st.integers(0, 10_000)
rights = st.sampled_from(Right)


class World(NamedTuple):
    """A simulated market at one of the minutes before an expiry; small, so that a failing case can be read."""

    seed: int
    minutes: int
    of: Index

    @property
    def chain(self) -> Chain:
        return a_chain(self.seed, AT + timedelta(minutes=self.minutes), self.of)


worlds = st.builds(World, seeds, st.integers(0, 5_000), st.sampled_from(Index))


def a_chain(seed: int = 1, at: datetime = AT, index: Index = Index.NIFTY) -> Chain:
    """What the simulated market quotes of one expiry."""
    market, contracts = Market(seed), listed(index, EXPIRY)
    quotes = {(each.strike, each.right): quote for each, quote in market.chain(contracts, at).items()}
    strikes = {right: [each.strike for each in contracts if each.right is right] for right in Right}
    return Chain(EXPIRY, Snapshot(index, at, market.spot(index, at), quotes), strikes)


def with_spot(chain: Chain, spot: Decimal) -> Chain:
    """The same strikes under an index at `spot`, every option at a hundred rupees above what it is worth exercised."""
    quotes = {(strike, right): around(_exercised(strike, right, spot) + 100) for strike, right in chain.snapshot.chain}
    return chain._replace(snapshot=chain.snapshot._replace(spot=spot, chain=quotes))


def _exercised(strike: Decimal, right: Right, spot: Decimal) -> Decimal:
    return max(Decimal(), spot - strike if right is Right.CE else strike - spot)


def around(price: Decimal) -> Quote:
    return Quote(price - Decimal("0.50"), price + Decimal("0.50"), price)


def quoting(chain: Chain, changes: Mapping[tuple[Decimal, Right], Quote | None]) -> Chain:
    """The chain with some quotes put in another's place, or taken away."""
    quotes = {**chain.snapshot.chain, **changes}
    left = {option: quote for option, quote in quotes.items() if quote is not None}
    return chain._replace(snapshot=chain.snapshot._replace(chain=left))


def refusal(rule: StrikeRule, chain: Chain, right: Right = Right.CE) -> str:
    with pytest.raises(Undecidable) as refused:
        choose(rule, right, chain)
    return refused.value.reason


def chosen(rule: StrikeRule, right: Right, chain: Chain) -> Decimal | str:
    """The strike, or why there is none."""
    try:
        return choose(rule, right, chain)
    except Undecidable as refused:
        return refused.reason


def mids(chain: Chain, right: Right) -> dict[Decimal, Decimal]:
    return {strike: mid for strike in chain.strikes[right] if (mid := chain.mid(strike, right)) is not None}


rules = st.one_of(
    st.builds(AtmStrike, offset=st.integers(-40, 40)),
    st.builds(PercentStrike, percent=st.decimals(-25, 25, places=2)),
    st.builds(PremiumStrike, premium=st.decimals(1, 5000, places=2)),
    st.builds(DeltaStrike, delta=st.decimals("0.01", "0.99", places=2)),
    st.builds(FixedStrike, strike=st.integers(200, 1600).map(lambda steps: Decimal(steps * 50))),
)


@given(rules, rights, worlds)
def test_a_strike_is_always_one_that_is_listed(rule: StrikeRule, right: Right, world: World) -> None:
    chain = world.chain
    strike = chosen(rule, right, chain)

    assert strike in chain.strikes[right] or strike in {"strike_not_listed", "strike_not_found"}


@given(rules, rights, worlds)
def test_the_same_snapshot_gives_the_same_strike(rule: StrikeRule, right: Right, world: World) -> None:
    chain = world.chain
    assert chosen(rule, right, chain) == chosen(rule, right, world.chain)


@pytest.mark.parametrize(
    ("spot", "offset", "strike"),
    [("26012.35", 0, 26000), ("26025.00", 0, 26050), ("26024.95", 4, 26200), ("26012.35", -8, 25600)],
)
def test_offsets_count_strikes_from_the_one_nearest_to_the_spot(spot: str, offset: int, strike: int) -> None:
    assert choose(AtmStrike(offset=offset), Right.CE, with_spot(a_chain(), Decimal(spot))) == strike


@given(worlds, st.integers(-15, 15), rights)
def test_at_the_money_no_listed_strike_is_nearer_and_offsets_are_whole_steps(
    world: World, offset: int, right: Right
) -> None:
    chain = world.chain
    spot = chain.snapshot.spot
    middle, away = (choose(AtmStrike(offset=each), right, chain) for each in (0, offset))

    assert abs(middle - spot) == min(abs(each - spot) for each in chain.strikes[right])
    assert away - middle == offset * strike_step(chain.snapshot.index)


def test_how_far_strikes_lie_apart_is_read_from_the_list() -> None:
    chain = a_chain()
    halved = {right: sorted({*each, *(s + 25 for s in each)}) for right, each in chain.strikes.items()}

    assert choose(AtmStrike(offset=1), Right.CE, with_spot(chain._replace(strikes=halved), Decimal(26012))) == 26025


def test_a_strike_missing_in_every_list_does_not_shift_the_others() -> None:
    chain = with_spot(a_chain(), Decimal("26012.35"))
    gap = {right: [s for s in each if s != 26050] for right, each in chain.strikes.items()}

    assert choose(AtmStrike(offset=2), Right.CE, chain._replace(strikes=gap)) == 26100
    assert refusal(AtmStrike(offset=1), chain._replace(strikes=gap)) == "strike_not_listed"


@pytest.mark.parametrize(("percent", "strike"), [("1.5", 26400), ("-1.5", 25600), ("0", 26000)])
def test_percent_takes_the_strike_nearest_to_the_spot_moved(percent: str, strike: int) -> None:
    chain = with_spot(a_chain(), Decimal("26012.35"))

    assert choose(PercentStrike(percent=Decimal(percent)), Right.PE, chain) == strike


@pytest.mark.parametrize(
    "rule",
    [PercentStrike(percent=Decimal("1.5")), PremiumStrike(premium=Decimal(50)), DeltaStrike(delta=Decimal("0.30"))],
)
def test_no_neighbour_stands_in_for_a_strike_that_the_feed_alone_shows(rule: StrikeRule) -> None:
    chain = a_chain()
    meant = choose(rule, Right.CE, chain)
    gap = {right: [strike for strike in each if strike != meant] for right, each in chain.strikes.items()}

    assert refusal(rule, chain._replace(strikes=gap)) == "strike_not_listed"


def test_a_percent_far_out_goes_by_how_far_strikes_lie_apart_there() -> None:
    chain = with_spot(a_chain(), Decimal("26012.35"))
    sparse = {r: [s for s in each if s < 26500 or s % 500 == 0] for r, each in chain.strikes.items()}
    quotes = {(s, r): q for (s, r), q in chain.snapshot.chain.items() if s in sparse[r]}
    wide = [*sparse[Right.CE], *(Decimal(s) for s in range(29000, 34000, 500) if s > max(sparse[Right.CE]))]
    chain = chain._replace(strikes=sparse | {Right.CE: wide}, snapshot=chain.snapshot._replace(chain=quotes))

    assert choose(PercentStrike(percent=Decimal("15.8")), Right.CE, chain) == 30000


@given(worlds, st.decimals(-10, 10, places=2), rights)
def test_no_listed_strike_is_nearer_to_the_percent_asked_for(world: World, percent: Decimal, right: Right) -> None:
    chain = world.chain
    target = chain.snapshot.spot * (1 + percent / 100)

    strike = choose(PercentStrike(percent=percent), right, chain)

    assert abs(strike - target) == min(abs(each - target) for each in chain.strikes[right])


def test_a_percent_that_falls_into_a_gap_of_the_list_is_refused() -> None:
    chain = with_spot(a_chain(), Decimal("26012.35"))
    gap = {right: [s for s in each if not 26300 < s < 26600] for right, each in chain.strikes.items()}

    assert refusal(PercentStrike(percent=Decimal("1.7")), chain._replace(strikes=gap)) == "strike_not_listed"


@given(worlds, st.decimals(5, 3000, places=2), rights)
def test_no_option_trades_nearer_to_the_premium_asked_for(world: World, premium: Decimal, right: Right) -> None:
    chain = world.chain
    known = mids(chain, right)

    strike = chosen(PremiumStrike(premium=premium), right, chain)

    if isinstance(strike, Decimal):
        assert abs(known[strike] - premium) == min(abs(mid - premium) for mid in known.values())
    else:
        inside = sorted(known.values())[1:-1]
        assert not inside[0] < premium < inside[-1] or torn(float(premium), map(float, known.values()))


def torn(target: float, values: Iterable[float]) -> bool:
    """Whether a target lies so near to the middle of two values that a wrong row could tip it."""
    near, next_nearest = sorted(values, key=lambda value: abs(value - target))[:2]
    return abs(abs(near - target) - abs(next_nearest - target)) <= TORN * abs(near - next_nearest)


TORN = 0.5


@given(worlds, st.decimals("0.05", "0.95", places=2), rights)
def test_no_options_delta_is_nearer_to_the_one_asked_for(world: World, wanted: Decimal, right: Right) -> None:
    chain = world.chain
    strike = chosen(DeltaStrike(delta=wanted), right, chain)

    if not isinstance(strike, Decimal):
        assert torn(float(wanted), (independent_delta(chain, each, right) for each in chain.strikes[right]))
        return
    near = [strike + step * strike_step(chain.snapshot.index) for step in (-1, 0, 1)]
    off = [abs(independent_delta(chain, each, right) - float(wanted)) for each in near]
    assert off[1] <= min(off) + 0.01


def independent_delta(chain: Chain, strike: Decimal, right: Right) -> float:
    """Against the forward that the market's own interest makes of the index."""
    settled = datetime(EXPIRY.year, EXPIRY.month, EXPIRY.day, 10, tzinfo=UTC)
    years = (settled - chain.snapshot.as_of) / timedelta(days=365)
    forward = float(chain.snapshot.spot) * math.exp(RATE * years)
    priced = Right.CE if strike >= forward else Right.PE
    deviation = implied_deviation(priced, forward, float(strike), float(chain.mid(strike, priced) or 0)) or 1e-5
    return delta(right, forward, float(strike), deviation)


@given(worlds, st.lists(st.sampled_from(["0.10", "0.20", "0.30", "0.40", "0.50"]), min_size=2, max_size=2))
def test_less_delta_lies_further_from_the_money(world: World, pair: list[str]) -> None:
    chain = world.chain
    less, more = (DeltaStrike(delta=each) for each in sorted(map(Decimal, pair)))

    for right, further in ((Right.CE, Decimal.__ge__), (Right.PE, Decimal.__le__)):
        out, near = (chosen(each, right, chain) for each in (less, more))
        assert isinstance(out, str) or isinstance(near, str) or further(out, near)


NO_QUOTE: Callable[[Quote], Quote | None] = lambda _: None  # noqa: E731 - reads as the others do
CROSSED: Callable[[Quote], Quote | None] = lambda quote: quote._replace(bid=quote.ask, ask=quote.bid)  # noqa: E731
ONE_SIDED: Callable[[Quote], Quote | None] = lambda quote: quote._replace(bid=Decimal(0))  # noqa: E731


@pytest.mark.parametrize("spoil", [NO_QUOTE, CROSSED, ONE_SIDED])
@pytest.mark.parametrize("away", [-1, 0, 1])
@pytest.mark.parametrize("rule", [PremiumStrike(premium=Decimal(100)), DeltaStrike(delta=Decimal("0.30"))])
def test_a_strike_is_not_taken_for_the_nearest_while_it_or_a_neighbour_has_no_good_price(
    rule: StrikeRule, away: int, spoil: Callable[[Quote], Quote | None]
) -> None:
    chain = a_chain()
    option = choose(rule, Right.CE, chain) + away * 50, Right.CE

    assert refusal(rule, quoting(chain, {option: spoil(chain.snapshot.chain[option])})) == "strike_not_found"


@pytest.mark.parametrize("rule", [PremiumStrike(premium=Decimal(9999)), PremiumStrike(premium=Decimal("0.05"))])
def test_a_premium_beyond_the_chain_is_refused(rule: StrikeRule) -> None:
    later = a_chain(at=AT - timedelta(days=20))

    assert refusal(rule, later) == "strike_not_found"


@pytest.mark.parametrize("spot", ["0", "-1", "25000", "27000"])
def test_an_index_that_its_options_contradict_is_not_believed(spot: str) -> None:
    chain = a_chain()
    wrong = chain._replace(snapshot=chain.snapshot._replace(spot=Decimal(spot)))

    assert refusal(AtmStrike(), wrong) == "market_feed_inconsistent"


@pytest.mark.parametrize("rule", [AtmStrike(), FixedStrike(strike=Decimal(26000))])
def test_where_nothing_is_listed_there_is_no_strike(rule: StrikeRule) -> None:
    nothing: dict[str, Any] = {"strikes": {right: [] for right in Right}}

    assert refusal(rule, a_chain()._replace(**nothing)) == "strike_not_listed"


def test_a_fixed_strike_that_is_not_listed_is_refused() -> None:
    assert refusal(FixedStrike(strike=Decimal(26013)), a_chain()) == "strike_not_listed"


def test_a_few_strikes_alone_do_not_show_where_the_money_is() -> None:
    chain = a_chain()
    few = {right: strikes[:3] for right, strikes in chain.strikes.items()}

    assert refusal(AtmStrike(), chain._replace(strikes=few)) == "strike_not_listed"


def test_without_any_usable_price_no_delta_is_known() -> None:
    chain = a_chain()
    dead = {name: Quote(Decimal(0), Decimal(0), Decimal(0)) for name in chain.snapshot.chain}
    silent = chain._replace(snapshot=chain.snapshot._replace(chain=dead))

    with pytest.raises(Undecidable) as refusal:
        choose(DeltaStrike.model_validate({"rule": "DELTA", "delta": "0.3"}), Right.CE, silent)

    assert refusal.value.reason == "strike_not_found"


amounts = st.one_of(
    st.sampled_from(["0", "0.05", "-1", "NaN", "sNaN", "Infinity", "1e12", "99999", "4000"]).map(Decimal),
    st.decimals(0, 5_000, places=2),
)
factors = st.decimals("0.5", "2", places=3)


def one_wrong_row(data: st.DataObject, chain: Chain, near: Decimal, target: Decimal) -> Chain:
    """The chain with one row of it changed in any way; as often as not near the strike that is meant."""
    strikes = [s for s in chain.strikes[Right.CE] if abs(s - near) <= 5 * strike_step(chain.snapshot.index)]
    option = data.draw(st.sampled_from(strikes) | st.sampled_from(chain.strikes[Right.CE])), data.draw(rights)
    was = chain.snapshot.chain[option]
    factor, moved = data.draw(factors), data.draw(st.sampled_from(chain.strikes[Right.CE]) | st.integers(1, 99_999))
    changes: dict[tuple[Decimal, Right], Quote | None] = data.draw(
        st.one_of(
            st.builds(Quote, amounts, amounts, amounts),
            st.builds(lambda bid: was._replace(bid=bid), amounts),
            st.builds(lambda ask: was._replace(ask=ask), amounts),
            st.builds(lambda last: was._replace(last=last), amounts),
            st.sampled_from(
                [
                    None,
                    around(target),
                    Quote(was.ask, was.bid, was.last),
                    Quote(was.bid * factor, was.ask * factor, was.last * factor),
                ]
            ),
        ).map(lambda quote: {option: quote})
        | st.builds(
            lambda quote: {option: None, (Decimal(moved), option[1]): quote}, st.just(was) | st.just(around(target))
        )
    )
    return quoting(chain, changes)


@settings(max_examples=300)
@given(rules, rights, worlds, st.data())
def test_one_wrong_row_leaves_the_choice_as_it_is_or_ends_it(
    rule: StrikeRule, right: Right, world: World, data: st.DataObject
) -> None:
    chain = world.chain
    meant = chosen(rule, right, chain)
    assume(isinstance(meant, Decimal))
    assert isinstance(meant, Decimal)
    target = rule.premium if isinstance(rule, PremiumStrike) else chain.mid(meant, right) or Decimal(1)

    assert chosen(rule, right, one_wrong_row(data, chain, meant, target)) in {
        meant,
        "strike_not_found",
        "strike_not_listed",
    }


def between(chain: Chain, strike: Decimal, part: str) -> Decimal:
    """A premium so far on the way from a call's price to that of the next strike, which is cheaper."""
    here, beyond = (chain.mid(each, Right.CE) for each in (strike, strike + 50))
    assert here is not None
    assert beyond is not None
    return round(here + (beyond - here) * Decimal(part), 2)


@pytest.mark.parametrize("away", [-2000, -1000, 1000, 2000])
def test_a_row_that_hits_the_target_thousands_of_points_away_does_not_win(away: int) -> None:
    chain = a_chain()
    for rule in (PremiumStrike(premium=Decimal(100)), DeltaStrike(delta=Decimal("0.30"))):
        meant = choose(rule, Right.CE, chain)
        price = chain.mid(meant, Right.CE)
        assert price is not None
        wrong = quoting(chain, {(meant + away, Right.CE): around(price)})

        assert chosen(rule, Right.CE, wrong) in {meant, "strike_not_found"}


def test_a_neighbours_row_that_hits_the_target_by_mistake_does_not_bear_itself_out() -> None:
    chain, strike = a_chain(), Decimal(26200)
    premium = between(chain, strike, "0.7")
    wrong = quoting(chain, {(strike, Right.CE): around(premium)})

    assert choose(PremiumStrike(premium=premium), Right.CE, chain) == strike + 50
    assert refusal(PremiumStrike(premium=premium), wrong) == "strike_not_found"


def test_the_right_row_moved_a_little_hands_its_place_to_no_neighbour() -> None:
    chain, strike = a_chain(), Decimal(26200)
    premium, less = between(chain, strike, "0.7"), between(chain, strike, "1.6")
    wrong = quoting(chain, {(strike + 50, Right.CE): around(less)})

    assert refusal(PremiumStrike(premium=premium), wrong) == "strike_not_found"
