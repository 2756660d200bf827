from typing import Any

import pytest

from quantleap.services.lending import PAGE, PAGES, TRIED, Lender, Loan
from tests.builders import NINE_TWENTY, a_key
from tests.fakes import FakePartnerKeys
from tests.unit.bank import Bank


@pytest.fixture
def bank() -> Bank:
    return Bank()


def loans(bank: Bank) -> list[Loan]:
    broker: Any = bank.broker
    return list(Lender(FakePartnerKeys(a_key()), bank.accounts, bank.vault, bank.clock).loans(broker))


def test_sessions_of_accounts_that_are_logged_in_at_the_broker_are_lent(bank: Bank) -> None:
    bank.link()
    bank.link(client_id="ZEBU456")
    bank.log_in()

    assert [loan.session.client_id for loan in loans(bank)] == ["ZEBU123"]
    bank.broker.name = "another"
    assert loans(bank) == []


def test_a_lent_session_that_is_dead_is_marked_in_its_account(bank: Bank) -> None:
    bank.link()
    user_id = bank.log_in().user_id
    [loan] = loans(bank)

    loan.died()

    assert bank.accounts.get(user_id, "ZEBU123").not_ready_because(NINE_TWENTY) == "broker_login_missing"
    assert loans(bank) == []


def test_a_login_while_a_session_was_lent_is_not_undone(bank: Bank) -> None:
    bank.link()
    user_id = bank.log_in().user_id
    [loan] = loans(bank)
    bank.clock.passes(seconds=1)
    bank.log_in()

    loan.died()

    assert bank.accounts.get(user_id, "ZEBU123").not_ready_because(NINE_TWENTY) is None


def test_no_more_sessions_are_unlocked_than_a_look_may_need(bank: Bank) -> None:
    for number in range(PAGE + TRIED):
        bank.broker.client_id = f"ZEBU{number:03}"
        bank.link(client_id=bank.broker.client_id)
        bank.log_in(bank.broker.client_id)

    assert len(loans(bank)) == TRIED


def test_a_look_ends_after_some_pages_of_accounts_that_nobody_logged_in(bank: Bank) -> None:
    for number in range(PAGE * PAGES + 1):
        bank.link(client_id=f"ZEBU{number:03}")
    bank.broker.client_id = f"ZEBU{PAGE * PAGES:03}"
    bank.log_in(bank.broker.client_id)

    assert loans(bank) == []
