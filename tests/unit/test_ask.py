"""When two requests under one key are the same."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.runtime.ask import Ask


def fingerprint(body: str | None, *, packed: bool = False, **event: Any) -> str:
    sent = base64.b64encode((body or "").encode()).decode() if packed else body
    usual = {"httpMethod": "POST", "resource": "/a", "body": sent, "isBase64Encoded": packed}
    return Ask({**usual, **event}).fingerprint("key")


ASKED = '{"lots": 1, "name": "asha", "legs": [{"a": 1.50}, null, true]}'


@pytest.mark.parametrize(
    "again",
    [
        '{"name":"asha","legs":[{"a":1.5},null,true],"lots":1.0}',
        '{\n  "lots": 1e0,\n  "legs": [{"a": 15e-1}, null, true],\n  "name": "\\u0061sha"\n}',
    ],
)
def test_spacing_order_and_spelling_do_not_make_another_request(again: str) -> None:
    assert fingerprint(again) == fingerprint(ASKED) == fingerprint(ASKED, packed=True)


@pytest.mark.parametrize(
    "other",
    [
        '{"lots": 2, "name": "asha", "legs": [{"a": 1.50}, null, true]}',
        '{"lots": "1", "name": "asha", "legs": [{"a": 1.50}, null, true]}',
        '{"lots": true, "name": "asha", "legs": [{"a": 1.50}, null, true]}',
        '{"lots": 1, "name": "asha", "legs": [null, {"a": 1.50}, true]}',
        '{"lots": 1, "name": "Asha", "legs": [{"a": 1.50}, null, true]}',
        '{"lots": "number 1", "name": "asha", "legs": [{"a": 1.50}, null, true]}',
        '{"lots": 1.0000000000000000000000000000000000000001, "name": "asha", "legs": [{"a": 1.50}, null, true]}',
        "no JSON",
        "",
        None,
    ],
)
def test_another_meaning_is_another_request(other: str | None) -> None:
    assert fingerprint(other) != fingerprint(ASKED)


def test_place_and_query_belong_to_what_is_asked() -> None:
    assert fingerprint(ASKED, pathParameters={"id": "1"}) != fingerprint(ASKED, pathParameters={"id": "2"})
    assert fingerprint(ASKED, resource="/b") != fingerprint(ASKED)
    first, second = {"a": ["1"], "b": ["2"]}, {"b": ["2"], "a": ["1"]}
    assert fingerprint(ASKED, multiValueQueryStringParameters=first) == fingerprint(
        ASKED, multiValueQueryStringParameters=second
    )


@pytest.mark.parametrize("body", ["[" * 50_000, "[" * 5000 + "]" * 5000, '"\\ud800"', "1e999999999", "NaN", "9" * 5000])
def test_an_odd_body_has_a_fingerprint_too(body: str) -> None:
    assert fingerprint(body) == fingerprint(body)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)


@given(values)
def test_however_a_value_is_written_it_is_the_same(value: object) -> None:
    plain, spaced = json.dumps(value), json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)

    assert fingerprint(plain) == fingerprint(spaced)
