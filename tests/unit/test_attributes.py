"""Attributes are written as boto3 writes them, and read as items of ours need them."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from quantleap.adapters import attributes
from quantleap.domain.partner import Environment

single = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**38) + 1, 10**38 - 1),
    st.decimals(-(10**15), 10**15, places=4),
    st.text(),
    st.binary(),
    st.sampled_from(Environment),
    st.sets(st.text(), min_size=1),
    st.frozensets(st.text(), min_size=1),
)
values = st.recursive(
    single, lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner)
)


@given(values)
def test_a_value_is_written_as_boto3_writes_it(value: Any) -> None:
    assert attributes.written(value) == TypeSerializer().serialize(value)


@given(values)
def test_what_was_written_is_read_as_boto3_reads_it(value: Any) -> None:
    written: Any = attributes.written(value)

    assert attributes.read(written) == TypeDeserializer().deserialize(written)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ({"S": "text"}, "text"),
        ({"BOOL": False}, False),
        ({"NULL": True}, None),
        ({"N": "3"}, 3),
        ({"N": "-3"}, -3),
        ({"N": "5.0"}, 5),
        ({"N": "1E+3"}, 1000),
        ({"N": "0.5"}, Decimal("0.5")),
        ({"B": b"sealed"}, b"sealed"),
        ({"SS": ["a", "b"]}, {"a", "b"}),
        ({"M": {"legs": {"L": [{"N": "1"}, {"M": {"lots": {"N": "2.5"}}}]}}}, {"legs": [1, {"lots": Decimal("2.5")}]}),
    ],
)
def test_an_attribute_of_any_kind_is_read_as_python_has_it(written: Mapping[str, Any], read: object) -> None:
    found = attributes.read(written)

    assert (found, type(found)) == (read, type(read))


@pytest.mark.parametrize(
    "value", [0.5, float("nan"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("NaN"), object(), {"nested": [1.5]}]
)
def test_what_no_item_may_hold_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        attributes.written(value)


@pytest.mark.parametrize("value", [10**38 + 1, Decimal("1." + "1" * 38), Decimal("1E+127"), Decimal("1E-170")])
def test_a_number_that_would_not_come_back_as_it_was_is_refused(value: Decimal | int) -> None:
    with pytest.raises(ArithmeticError):
        attributes.written(value)


def test_a_kind_that_no_item_has_is_not_guessed_at() -> None:
    with pytest.raises(TypeError):
        attributes.read({"NS": ["1"]})
