from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.adapters.machine import draw
from quantleap.adapters.starter import execution_name
from quantleap.domain import ids
from tests.builders import NINE_TWENTY, counting

texts = st.text(max_size=80)


def test_a_subscription_id_leads_back_to_its_user_and_its_template() -> None:
    user, template = ids.user_id(draw), ids.basket_id(draw)

    assert ids.named_by(ids.subscription_id(user, template, draw)) == (user, template)


@given(texts)
def test_any_other_text_leads_nowhere_or_to_a_well_formed_user(text: str) -> None:
    named = ids.named_by(text)

    assert named is None or (len(named.user_id) == 24 and named.user_id.isascii() and "#" not in named.user_id)


@pytest.mark.parametrize("text", ["", "sub_", "sub_" + "A" * 44, "sub_" + "a" * 43, "sub_" + "#" * 44])
def test_a_text_that_is_no_subscription_id_names_nobody(text: str) -> None:
    assert ids.named_by(text) is None


def test_ids_say_what_they_name() -> None:
    draws = counting()

    made = ids.user_id(draws), ids.basket_id(draws), ids.allocation_id(draws)

    assert [name.split("_")[0] for name in made] == ["usr", "bsk", "alloc"]


def test_the_same_run_always_has_the_same_id_in_indias_time() -> None:
    first = ids.run_id("entry", NINE_TWENTY, "bsk_a", 3, "zebu#test")

    assert first == "run_20261123T092000_entry_bsk_a_v3_zebu-test"


@given(st.datetimes(min_value=datetime(2025, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_run_ids_sort_as_their_boundaries_do(moment: datetime) -> None:
    earlier, later = moment.replace(tzinfo=UTC), moment.replace(tzinfo=UTC, year=moment.year + 4)

    assert ids.run_id("entry", earlier, "bsk_a", 1, None) < ids.run_id("entry", later, "bsk_a", 1, None)


@given(st.text(min_size=1))
def test_an_order_tag_fits_every_broker(intent: str) -> None:
    tag = ids.order_tag(intent)

    assert len(tag) == 20
    assert set(tag) <= set(ids.ALPHABET)


def test_a_long_run_id_is_cut_to_a_name_of_80_characters_that_stays_its_own() -> None:
    one, other = (f"run_{'x' * 90}_{end}" for end in "ab")

    names = execution_name(one), execution_name(other)

    assert [len(name) for name in names] == [80, 80]
    assert len(set(names)) == 2


def test_a_short_run_id_is_the_executions_name() -> None:
    assert execution_name("run_short") == "run_short"


def test_a_seed_draws_the_same_ids_each_time_and_no_two_alike() -> None:
    one, again, other = ids.repeating("seed"), ids.repeating("seed"), ids.repeating("another")
    asked = [(ids.ALPHABET, 16), (ids.ALPHABET, 16), ("01", 40)]

    drawn, repeated, others = ([draw(*each) for each in asked] for draw in (one, again, other))

    assert drawn == repeated
    assert len({*drawn, *others}) == 6
    assert [(len(text), set(text) <= set(alphabet)) for text, (alphabet, _) in zip(drawn, asked, strict=True)] == [
        (16, True),
        (16, True),
        (40, True),
    ]


def test_a_run_says_its_day_in_india() -> None:
    late = datetime(2026, 11, 23, 19, 0, tzinfo=UTC)

    entry = ids.run_id("entry", late, "bsk_1", 1, None)

    assert {ids.day_of(entry), ids.day_of(ids.exit_id(late, entry))} == {date(2026, 11, 24)}
