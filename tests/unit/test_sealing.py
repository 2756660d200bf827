import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quantleap.adapters.sealing import SealBroken, seal, unseal

KEY = os.urandom(32)


@given(st.text(), st.binary())
def test_what_was_sealed_comes_back_for_its_owner(text: str, owner: bytes) -> None:
    assert unseal(KEY, seal(KEY, text, owner), owner) == text


@given(st.text(), st.data())
def test_any_changed_byte_breaks_the_seal(text: str, data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, text, b"asha"))
    sealed[data.draw(st.integers(0, len(sealed) - 1))] ^= data.draw(st.integers(1, 255))

    with pytest.raises(SealBroken):
        unseal(KEY, bytes(sealed), b"asha")


@given(st.binary(max_size=40))
def test_what_never_was_a_seal_is_a_broken_one(sealed: bytes) -> None:
    with pytest.raises(SealBroken):
        unseal(KEY, sealed, b"asha")


def test_another_owner_and_another_key_open_nothing() -> None:
    sealed = seal(KEY, "secret", b"asha")

    for key, owner in ((KEY, b"ravi"), (os.urandom(32), b"asha")):
        with pytest.raises(SealBroken):
            unseal(key, sealed, owner)


def test_the_same_text_is_never_sealed_the_same_way_twice() -> None:
    assert seal(KEY, "secret", b"asha") != seal(KEY, "secret", b"asha")
