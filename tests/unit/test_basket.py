from datetime import time
from decimal import Decimal
from typing import Any

import pytest

from quantleap.domain.basket import BasketDraft, Day, MarketplaceConfig, Visibility, slot
from quantleap.domain.basket_changes import BasketChange, NewApproval
from quantleap.domain.contracts import ExpiryType, Index
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.market_data import ExpiryRule, MarketData, SessionHours, StrikeStep
from quantleap.domain.model import merged, parse
from quantleap.domain.shipped import SHIPPED
from quantleap.domain.sizing import require_tradable
from quantleap.handlers.views import templates as views
from tests.builders import NINE_TWENTY, a_basket, a_strategy, a_template

LEG = {"side": "BUY", "right": "CE"}
FIXED = {"right": "CE", "strike": {"rule": "FIXED", "strike": 26000}}


def a_draft(**strategy: Any) -> dict[str, Any]:
    usual = {"index": "NIFTY", "entry_time": "09:20", "exit_time": "15:15", "legs": [LEG]}
    return {"name": "Condor", "category": "INCOME", "strategies": [{**usual, **strategy}]}


def complaints(value: object) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refusal:
        parse(BasketDraft, value)
    return refusal.value.details


def test_a_draft_needs_little() -> None:
    draft = parse(BasketDraft, a_draft())

    assert draft.strategies[0].entry_time == time(9, 20)


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"entry_time": "15:15"}, "exit_time", "must come after entry_time 15:15"),
        ({"days": ["MON", "MON"]}, "days", "days must not repeat"),
        ({"days": []}, "days", "Give at least 1"),
        ({"legs": [LEG, {**LEG, "side": "SELL"}]}, "legs", "the CE, at the money, is both bought and sold"),
    ],
)
def test_a_strategy_nobody_could_trade_is_refused(change: dict[str, Any], path: str, said: str) -> None:
    found = complaints(a_draft(**change))

    assert list(found) == [f"strategies[0].{path}"]
    assert said in found[f"strategies[0].{path}"]


@pytest.mark.parametrize(
    "text", ["9:20", "24:00", "09:60", "09:20:00", "", "noon", "09:2\u0660", 920, Decimal("0.3"), None]
)
def test_times_are_written_as_hh_mm(text: object) -> None:
    assert list(complaints(a_draft(entry_time=text))) == ["strategies[0].entry_time"]


def test_complaints_name_the_whole_path_and_come_together() -> None:
    legs = [LEG, {"side": "HOLD", "right": "CE"}, {**LEG, "strike": {"offset": "far"}, "lots": 0}]

    found = complaints({**a_draft(legs=legs), "colour": "red"})

    assert sorted(found) == [
        "colour",
        "strategies[0].legs[1].side",
        "strategies[0].legs[2].lots",
        "strategies[0].legs[2].strike.offset",
    ]


@pytest.mark.parametrize(
    ("strike", "path"),
    [
        ({"offset": 41}, "offset"),
        ({"rule": "ATM", "percent": 1}, "percent"),
        ({"rule": "PERCENT", "percent": "far"}, "percent"),
        ({"rule": "PERCENT", "percent": 25.01}, "percent"),
        ({"rule": "PERCENT"}, "percent"),
        ({"rule": "PREMIUM", "premium": 0}, "premium"),
        ({"rule": "PREMIUM", "premium": "50.001"}, "premium"),
        ({"rule": "DELTA", "delta": -0.2}, "delta"),
        ({"rule": "DELTA", "delta": 1}, "delta"),
        ({"rule": "DELTA", "delta": 0.2, "offset": 1}, "offset"),
        ({"rule": "FIXED", "strike": 0}, "strike"),
        ({"rule": "FIXED", "strike": "NaN"}, "strike"),
        ({"rule": "NEAREST"}, "rule"),
        ({"rule": ["ATM"]}, "rule"),
    ],
)
def test_a_strike_rules_complaint_names_the_field_of_its_rule(strike: dict[str, Any], path: str) -> None:
    found = complaints(a_draft(legs=[LEG, {**LEG, "strike": strike}]))

    assert list(found) == [f"strategies[0].legs[1].strike.{path}"]


@pytest.mark.parametrize("strike", [None, 4, "ATM", ["ATM"]])
def test_a_strike_that_is_no_object_is_told_so(strike: object) -> None:
    assert complaints(a_draft(legs=[{**LEG, "strike": strike}])) == {
        "strategies[0].legs[0].strike": "Write a JSON object"
    }


@pytest.mark.parametrize(
    ("strike", "words"),
    [
        ({}, "at the money"),
        ({"offset": -3}, "3 strikes below the money"),
        ({"offset": 1}, "1 strike above the money"),
        ({"rule": "PERCENT", "percent": -1.5}, "nearest to 1.5 % below the spot"),
        ({"rule": "PREMIUM", "premium": 50}, "premium nearest to 50 rupees"),
        ({"rule": "DELTA", "delta": 0.2}, "delta nearest to 0.2"),
        ({"rule": "FIXED", "strike": 26000}, "strike 26000"),
    ],
)
def test_a_rule_is_stored_as_it_was_read_and_says_itself_in_words(strike: dict[str, Any], words: str) -> None:
    draft = parse(BasketDraft, a_draft(legs=[{**LEG, "strike": strike}]))

    assert str(draft.strategies[0].legs[0].strike) == words
    assert BasketDraft.model_validate(draft.model_dump(mode="json")) == draft


def test_administrators_read_a_baskets_legs_in_words() -> None:
    (legs,) = views.basket(a_basket())["in_words"]

    assert legs[:2] == ["SELL 1 CE, 4 strikes above the money", "SELL 1 PE, 4 strikes below the money"]


@pytest.mark.parametrize(
    "strike",
    [{"rule": "DELTA", "delta": 0.2}, {"rule": "DELTA", "delta": Decimal("0.20")}, {"rule": "FIXED", "strike": 1}],
)
def test_the_same_option_is_not_bought_and_sold_whatever_names_it(strike: dict[str, Any]) -> None:
    legs = [{**LEG, "strike": strike}, {**LEG, "side": "SELL", "strike": strike}]

    assert "is both bought and sold" in complaints(a_draft(legs=legs))["strategies[0].legs"]


def untradable(data: MarketData = SHIPPED, **change: Any) -> dict[str, str]:
    with pytest.raises(InvalidRequest) as refusal:
        require_tradable(parse(BasketDraft, a_draft(**change)), NINE_TWENTY.date(), data)
    return refusal.value.details


@pytest.mark.parametrize(
    ("change", "path", "said"),
    [
        ({"entry_time": "09:14"}, "entry_time", "must lie inside the session, 09:15 to 15:40"),
        ({"exit_time": "15:40"}, "exit_time", "must lie inside the session, 09:15 to 15:40"),
        ({"index": "BANKNIFTY"}, "expiry_type", "BANKNIFTY has no weekly expiry; use MONTHLY"),
    ],
)
def test_a_strategy_that_the_exchange_leaves_no_room_for_is_refused(
    change: dict[str, Any], path: str, said: str
) -> None:
    assert untradable(**change) == {f"strategies[0].{path}": said}


def test_hours_series_and_steps_that_were_written_since_count() -> None:
    day = NINE_TWENTY.date()
    weekly = ExpiryRule(
        index=Index.BANKNIFTY, effective_from=day, weekday="WED", series=tuple(ExpiryType), source="NSE/1"
    )
    written = [
        SessionHours(effective_from=day, opens=time(9), closes=time(15), source="NSE/2"),
        StrikeStep(index=Index.NIFTY, effective_from=day, step=Decimal(13), source="NSE/3"),
    ]
    banknifty = parse(BasketDraft, a_draft(index="BANKNIFTY"))
    fixed = [{"side": "BUY", "right": "CE", "strike": {"rule": "FIXED", "strike": 26050}}]

    require_tradable(banknifty, day, SHIPPED.over([weekly]))
    assert untradable(SHIPPED.over(written), legs=fixed) == {
        "strategies[0].exit_time": "must lie inside the session, 09:00 to 15:00",
        "strategies[0].legs[0].strike.strike": "NIFTY has a strike every 13",
    }


def test_a_fixed_strike_the_exchange_does_not_have_is_refused() -> None:
    legs = [LEG, {**LEG, "strike": {"rule": "FIXED", "strike": 26013}}, {"side": "SELL", **FIXED}]
    draft = parse(BasketDraft, a_draft(legs=legs))

    with pytest.raises(InvalidRequest) as refusal:
        require_tradable(draft, NINE_TWENTY.date())

    assert refusal.value.details == {"strategies[0].legs[1].strike.strike": "NIFTY has a strike every 50"}


@pytest.mark.parametrize("value", [None, [], "text", 1, True])
def test_a_body_that_is_no_object_is_told_so(value: object) -> None:
    assert complaints(value) == {"body": "Write a JSON object"}


def test_a_leg_too_many_is_one() -> None:
    assert list(complaints(a_draft(legs=[LEG] * 9))) == ["strategies[0].legs"]


@pytest.mark.parametrize("category", ["nifty", "N", "TWO WORDS", "1ST"])
def test_a_category_is_one_upper_case_word(category: str) -> None:
    assert list(complaints({**a_draft(), "category": category})) == ["category"]


def test_a_basket_enters_in_the_slots_of_its_days() -> None:
    basket = a_basket(
        strategies=(
            a_strategy(days=(Day.MON, Day.TUE)),
            a_strategy(days=(Day.TUE,), entry_time=time(10, 0)),
            a_strategy(days=(Day.TUE,)),
        )
    )

    assert basket.slots() == {"MON#09:20": (0,), "TUE#09:20": (0, 2), "TUE#10:00": (1,)}


def test_a_slot_is_named_by_weekday_and_minute() -> None:
    assert slot(Day.of(NINE_TWENTY), time(9, 20)) == "MON#09:20"


def test_a_basket_not_offered_is_seen_by_nobody() -> None:
    assert not a_basket().visible_to("zebu")
    assert not a_template().withdrawn(NINE_TWENTY).visible_to(None)


def test_a_private_template_is_seen_by_its_partners_alone() -> None:
    config = MarketplaceConfig(visibility=Visibility.PRIVATE, partners=("ZEBU",))
    template = a_template(marketplace=config)

    assert [template.visible_to(who) for who in ("zebu", "acme", None)] == [True, False, False]


@pytest.mark.parametrize(
    "config",
    [
        {"visibility": "PRIVATE"},
        {"partners": ["zebu"]},
        {"pricing": {"type": "PAID"}},
        {"pricing": {"type": "FREE", "monthly_fee": 1}},
        {"pricing": {"type": "PAID", "monthly_fee": "9.999"}},
    ],
)
def test_an_offer_that_contradicts_itself_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        parse(MarketplaceConfig, config)


@pytest.mark.parametrize("field", ["name", "description"])
def test_a_name_and_a_description_hold_nothing_that_cannot_be_seen(field: str) -> None:
    assert list(complaints({**a_draft(), field: "words\u0000\u202e"})) == [field]


def test_a_description_may_have_several_lines_and_a_name_has_no_edges() -> None:
    draft = parse(BasketDraft, {**a_draft(), "name": "  Condor ", "description": "One.\nTwo.\n"})

    assert (draft.name, draft.description) == ("Condor", "One.\nTwo.")
    assert list(complaints({**a_draft(), "name": "      "})) == ["name"]


@pytest.mark.parametrize("lots", [True, "2", Decimal("1.5")])
def test_lots_are_a_whole_number_written_as_one(lots: object) -> None:
    assert list(complaints(a_draft(legs=[{**LEG, "lots": lots}]))) == ["strategies[0].legs[0].lots"]


def test_what_is_wrong_is_said_without_words_of_a_programming_language() -> None:
    said = complaints({**a_draft(legs="two"), "stop_loss": [], "target": "high"})

    assert said == {"strategies[0].legs": "Write a list", "stop_loss": "Write a number", "target": "Write a number"}
    assert complaints(a_draft(legs=[LEG] * 9)) == {"strategies[0].legs": "Give at most 8"}


def test_a_name_in_a_map_is_complained_of_by_its_path() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse(NewApproval, {"algo_ids": {"z!": "A1"}, "effective_from": "2026-11-24"})

    assert list(refusal.value.details) == ["algo_ids.z!"]


def test_what_an_earlier_rule_let_in_is_read_and_has_to_be_mended_with_the_next_change() -> None:
    was = a_basket().draft.model_dump(mode="json") | {"name": "old\u0000name"}

    stored = BasketDraft.model_validate(was)

    assert stored.name == "old\u0000name"
    with pytest.raises(InvalidRequest, match="name"):
        merged(BasketDraft, stored.model_dump(), BasketChange(stop_loss=Decimal(15)))
