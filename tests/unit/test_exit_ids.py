"""The id of an exit says what it closes: whoever shares an id shares a plan, and the rest would stay open."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from quantleap.domain.execution import Due
from quantleap.domain.ids import day_of
from quantleap.domain.runs import Left, entry_of, exit_of
from tests.builders import NINE_TWENTY, TEMPLATE, a_template

ENTERED = entry_of(a_template(version=1), NINE_TWENTY, (0, 1, 2), None)
WHOLE = f"run_20261123T092000_exit_{TEMPLATE}_v1_of_20261123T092000"

exits = st.builds(
    lambda strategies, **part: exit_of(ENTERED, NINE_TWENTY, tuple(strategies), **part),
    st.sets(st.sampled_from(ENTERED.strategies), min_size=1),
    scope=st.sampled_from([None, "zebu#test", "zebu#live"]),
    only=st.sampled_from([None, "incomplete", "partner:zebu", "user:usr_" + "0" * 20]),
    left=st.none()
    | st.builds(Left, st.sampled_from(["run_a", "run_b"]), st.sampled_from([(0,), (0, 1)]), st.integers(1, 3)),
)


def closes(due: Due) -> dict[str, Any]:
    return due.model_dump(exclude={"run_id"})


@given(exits, exits)
def test_exits_of_one_entry_at_one_boundary_share_an_id_only_where_they_close_the_same(one: Due, other: Due) -> None:
    assert (one.run_id == other.run_id) == (closes(one) == closes(other))


@given(exits)
def test_every_id_fits_where_ids_are_read(due: Due) -> None:
    assert due.run_id.startswith(WHOLE)
    assert len(due.run_id) < 200
    assert set(due.run_id) <= {*"_-"} | {chr(each) for each in range(128) if chr(each).isalnum()}
    assert day_of(due.run_id) == NINE_TWENTY.date()


def test_the_exit_of_all_that_entered_keeps_the_id_that_tables_hold() -> None:
    assert exit_of(ENTERED, NINE_TWENTY, (2, 1, 0)).run_id == WHOLE
    assert exit_of(ENTERED, NINE_TWENTY, (0, 1, 2), only="incomplete").run_id == f"{WHOLE}_incomplete"
