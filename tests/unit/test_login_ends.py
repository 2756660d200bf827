"""Logins that come to an end nobody hopes for, and what is never written of them."""

from collections.abc import Sequence
from typing import NoReturn

import pytest

from quantleap.domain.account import BrokerAccount, LoginEnd
from quantleap.domain.broker import Request
from quantleap.domain.errors import Conflict, LoginRefused
from quantleap.domain.events import Happening
from quantleap.services import broker_accounts
from tests.unit.bank import Bank


@pytest.fixture
def bank() -> Bank:
    return Bank()


def always_changed(account: BrokerAccount, told: Sequence[Happening] = ()) -> NoReturn:
    raise Conflict("changed meanwhile")


def test_a_login_to_an_account_that_never_stands_still_is_a_conflict(bank: Bank) -> None:
    bank.link()
    bank.accounts.save = always_changed  # type: ignore[method-assign]  # others write at the same time

    with pytest.raises(Conflict, match="log in again"):
        bank.log_in()


def test_a_dead_session_of_an_account_that_never_stands_still_is_a_conflict(bank: Bank) -> None:
    bank.link()
    user_id = bank.log_in().user_id
    bank.accounts.save = always_changed  # type: ignore[method-assign]  # others write at the same time

    with pytest.raises(Conflict):
        broker_accounts.mark_login_required(bank.accounts, user_id, "ZEBU123", bank.clock())


def test_a_broker_that_names_the_account_with_the_session_is_asked_once(bank: Bank) -> None:
    exchange = Request("POST", "https://broker.example", "/token/code", {}, b"")
    bank.broker.profile = lambda session: exchange  # type: ignore[method-assign]  # there is nothing more to ask
    bank.link()

    bank.log_in()

    assert [request.target for request in bank.http.sent] == ["/token/code"]
    bank.broker.client_id = "SOMEBODY"
    with pytest.raises(LoginRefused):
        bank.log_in()


def test_nothing_that_a_login_page_sent_back_is_shown_in_words() -> None:
    back = LoginEnd.model_validate({"state": "secret state", "code": "secret code"})

    assert "secret" not in repr(back)
    assert back.came == {"code": "secret code"}
