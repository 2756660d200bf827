"""One person is one address, however it is spelt, and never another person's."""

import pytest

from quantleap.domain.account import AccountFilter, User, one_spelling
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.model import parse
from tests.builders import NINE_TWENTY


def read(address: str) -> str | None:
    return parse(AccountFilter, {"user_email": address}).user_email


@pytest.mark.parametrize(
    "address",
    [
        "a\u212asha@example.com",
        "\uff21sha@example.com",
        "jos\u00e9@example.com",
        "jose\u0301@example.com",
        "\u0430sha@example.com",
        "stra\u00dfe@example.com",
    ],
    ids=["kelvin sign", "full width", "composed", "decomposed", "cyrillic a", "sharp s"],
)
def test_letters_that_look_like_others_are_refused_before_the_at(address: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        read(address)

    assert refusal.value.details == {
        "user_email": "Write the part before the @ in letters of the English alphabet, digits and signs"
    }
    with pytest.raises(InvalidRequest):
        one_spelling(address)


def test_a_domain_is_the_one_that_name_servers_know() -> None:
    spelt = ["asha@B\u00fccher.example", "asha@bu\u0308cher.example", "ASHA@XN--BCHER-KVA.example"]

    assert {read(each) for each in spelt} == {"asha@xn--bcher-kva.example"}
    assert one_spelling(spelt[0]) == "asha@xn--bcher-kva.example"


@pytest.mark.parametrize("address", ["asha@a\u200b..example", f"asha@{'\u00fc' * 80}.example", "asha@\u2024example"])
def test_a_domain_that_no_name_server_can_know_is_no_address(address: str) -> None:
    with pytest.raises(InvalidRequest):
        read(address)


def test_who_was_stored_under_other_rules_can_still_be_read() -> None:
    stored = {"user_id": "usr_1", "tenant": "zebu#test", "email": "jos\u00e9@example.com", "created_at": NINE_TWENTY}

    assert User.model_validate(stored).email == "jos\u00e9@example.com"
