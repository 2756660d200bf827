from typing import Any

import pytest

from quantleap.domain.account import AccountFilter, BrokerAccount, Credentials, User
from quantleap.domain.errors import Conflict, InvalidRequest, NotFound, Unavailable
from quantleap.services import broker_accounts
from tests.builders import ASHAS_MAIL, NINE_TWENTY, OTHERS, ZEBU, a_key, a_new_account
from tests.unit.bank import Bank


@pytest.fixture
def bank() -> Bank:
    return Bank()


def test_the_first_account_of_an_address_makes_the_user(bank: Bank) -> None:
    linked = bank.link(user_name="Asha")

    user = bank.users.find(ZEBU, ASHAS_MAIL)
    assert linked.new
    assert user is not None
    assert (user.user_id, user.name) == (linked.account.user_id, "Asha")


def test_credentials_go_to_the_vault_and_nowhere_else(bank: Bank) -> None:
    account = bank.link().account

    kept = bank.vault.credentials(account.user_id, "ZEBU123")
    assert kept == Credentials(api_key="app", api_secret="app secret")
    assert "app" not in account.model_dump_json()


def test_a_second_account_belongs_to_the_same_user(bank: Bank) -> None:
    first, second = bank.link(), bank.link(client_id="ZEBU456")

    assert second.new
    assert first.account.user_id == second.account.user_id


def test_sent_again_the_credentials_replace_the_old_and_the_login_is_void(bank: Bank) -> None:
    bank.link()
    bank.log_in()

    again = bank.link(api_secret="newer")

    assert not again.new
    assert again.account.not_ready_because(NINE_TWENTY) == "broker_login_missing"
    assert bank.vault.credentials(again.account.user_id, "ZEBU123").api_secret == "newer"


def test_a_client_id_belongs_to_one_user_of_a_tenant(bank: Bank) -> None:
    bank.link()

    with pytest.raises(Conflict) as refusal:
        bank.link(user_email="ravi@example.com")

    assert refusal.value.reason == "client_id_taken"


def test_two_tenants_may_have_the_same_client_id_and_address(bank: Bank) -> None:
    bank.link()

    other = broker_accounts.link(bank.ports, a_key(partner_id="acme"), a_new_account())

    assert other.new
    assert other.account.user_id != bank.accounts.owner(ZEBU, "ZEBU123")


def test_an_unknown_broker_is_refused_by_name(bank: Bank) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        bank.link(broker_name="nowhere")

    assert list(refusal.value.details) == ["broker_name"]


def test_an_account_does_not_change_its_broker(bank: Bank) -> None:
    bank.link()
    bank.broker.name = "other"

    with pytest.raises(Conflict, match="linked at zebu"):
        bank.link(broker_name="other")


def test_a_lost_race_for_a_client_id_leaves_no_credentials_behind(bank: Bank) -> None:
    def taken_meanwhile(account: BrokerAccount, user: User, *, new_user: bool) -> None:
        raise Conflict("added meanwhile")

    bank.accounts.add = taken_meanwhile  # type: ignore[method-assign]  # another request came first

    with pytest.raises(Conflict):
        bank.link()
    assert bank.vault.kept == {}


def test_a_race_with_oneself_is_won_and_keeps_the_credentials(bank: Bank) -> None:
    add = bank.accounts.add

    def twice(account: BrokerAccount, user: User, *, new_user: bool) -> None:
        add(account, user, new_user=new_user)
        add(account, user, new_user=new_user)

    bank.accounts.add = twice  # type: ignore[method-assign]  # the same request came twice

    assert not bank.link().new
    assert len(bank.vault.kept) == 1


def test_a_users_first_accounts_that_come_at_once_are_all_linked(bank: Bank) -> None:
    add, burst = bank.accounts.add, ["ZEBU2", "ZEBU3", "ZEBU4"]

    def others_come_first(account: BrokerAccount, user: User, *, new_user: bool) -> None:
        if burst:
            bank.link(client_id=burst.pop())
        add(account, user, new_user=new_user)

    bank.accounts.add = others_come_first  # type: ignore[method-assign]  # each is overtaken by the next

    assert bank.link().new
    assert {account.client_id for account in bank.accounts.held.values()} == {"ZEBU123", "ZEBU2", "ZEBU3", "ZEBU4"}
    assert len({account.user_id for account in bank.accounts.held.values()}) == 1


def test_credentials_for_an_account_that_is_deleted_meanwhile_do_not_outlive_it(bank: Bank) -> None:
    account = bank.link().account
    put = bank.vault.put_credentials

    def after_the_deletion(user_id: str, client_id: str, credentials: Credentials) -> None:
        broker_accounts.remove(bank.ports, account)
        put(user_id, client_id, credentials)

    bank.vault.put_credentials = after_the_deletion  # type: ignore[method-assign]  # somebody else was quicker

    with pytest.raises(Conflict):
        bank.link()
    assert bank.vault.kept == {}


def test_a_deleted_account_leaves_no_secret_behind(bank: Bank) -> None:
    bank.link()

    broker_accounts.remove(bank.ports, bank.log_in())

    assert (bank.vault.kept, bank.vault.opened, bank.accounts.held) == ({}, {}, {})


def test_an_account_that_a_subscription_trades_keeps_its_secrets_and_its_login(bank: Bank) -> None:
    bank.link()
    account = bank.log_in()
    bank.accounts.traded = lambda: [(account.user_id, "ZEBU123")]

    with pytest.raises(Conflict):
        broker_accounts.remove(bank.ports, account)

    assert (len(bank.vault.kept), len(bank.vault.opened)) == (1, 1)
    assert bank.accounts.get(account.user_id, "ZEBU123").not_ready_because(NINE_TWENTY) is None


@pytest.mark.parametrize("step", ["forget", "remove"])
def test_a_deletion_that_stopped_half_way_leaves_nothing_to_trade_with_and_can_be_repeated(
    bank: Bank, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.link()
    account = bank.log_in()

    def fail(*_: object) -> None:
        raise Unavailable("try later", code="unavailable")

    with monkeypatch.context() as trouble:
        trouble.setattr(bank.vault if step == "forget" else bank.accounts, step, fail)
        with pytest.raises(Unavailable):
            broker_accounts.remove(bank.ports, account)

    left = bank.accounts.get(account.user_id, "ZEBU123")
    assert left.not_ready_because(NINE_TWENTY) == "broker_login_missing"
    broker_accounts.remove(bank.ports, left)
    assert (bank.vault.kept, bank.vault.opened, bank.accounts.held) == ({}, {}, {})


def test_accounts_are_listed_by_tenant_or_by_user(bank: Bank) -> None:
    bank.link()
    bank.link(client_id="ZEBU456", user_email="ravi@example.com")

    def listed(**wanted: Any) -> list[str]:
        page = broker_accounts.listing(bank.accounts, bank.users, ZEBU, AccountFilter.model_validate(wanted))
        return [account.client_id for account in page.items]

    assert listed() == ["ZEBU123", "ZEBU456"]
    assert listed(limit=1) == ["ZEBU123"]
    assert listed(next_token="ZEBU123") == ["ZEBU456"]
    assert listed(user_email=ASHAS_MAIL) == ["ZEBU123"]
    assert listed(user_email="nobody@example.com") == []


def test_an_account_is_found_in_its_own_tenant_only(bank: Bank) -> None:
    bank.link()

    assert broker_accounts.one(bank.accounts, ZEBU, "ZEBU123").client_id == "ZEBU123"
    with pytest.raises(NotFound):
        broker_accounts.one(bank.accounts, OTHERS, "ZEBU123")
