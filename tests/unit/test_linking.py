from typing import Any

import pytest

from quantleap.adapters.brokers.angel_one import AngelOne
from quantleap.adapters.brokers.icici_direct import IciciDirect
from quantleap.adapters.brokers.mstock import MStock
from quantleap.adapters.brokers.upstox import Upstox
from quantleap.adapters.brokers.zebu import Zebu
from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.domain.account import AccountFilter, BrokerAccount, Credentials, LoginCallback, LoginStart, User
from quantleap.domain.broker import Broker, BrokerFailure, NotSent, RateLimited, Refused, SessionExpired, Unknown
from quantleap.domain.capabilities import Binding
from quantleap.domain.errors import Conflict, InvalidRequest, LoginRefused, NotFound, Unavailable
from quantleap.domain.model import parse
from quantleap.services import broker_accounts
from quantleap.services.broker_accounts import Linked, Login, Ports
from tests.builders import ASHAS_MAIL, NINE_TWENTY, OTHERS, ZEBU, Clock, a_key, a_new_account, counting
from tests.fakes import FakeAccounts, FakeBroker, FakeBrokers, FakeHttp, FakeLogins, FakeUsers, FakeVault


class Bank:
    """The ports, and the fakes behind them."""

    def __init__(self) -> None:
        self.users = FakeUsers()
        self.accounts = FakeAccounts(self.users)
        self.vault, self.broker, self.http, self.clock = FakeVault(), FakeBroker(), FakeHttp(), Clock()
        self.ports = Ports(
            accounts=self.accounts,
            users=self.users,
            logins=FakeLogins(),
            vault=self.vault,
            brokers=FakeBrokers(self.broker),
            http=self.http,
            clock=self.clock,
            draw=counting(),
        )

    def link(self, **changes: Any) -> Linked:
        return broker_accounts.link(self.ports, a_key(), a_new_account(**changes))

    def log_in(self, **changes: str) -> BrokerAccount:
        begun = broker_accounts.begin_login(self.ports, a_key(), "ZEBU123", ASHAS_MAIL)
        fields = {"user_email": ASHAS_MAIL, "request_token": "code", "state": begun.state.state, **changes}
        return self.finish(fields)

    def begin(self, redirect_url: str | None) -> Login:
        return broker_accounts.begin_login(self.ports, a_key(), "ZEBU123", ASHAS_MAIL, redirect_url)

    def come_back(self, came: dict[str, str]) -> BrokerAccount:
        state = self.begin("https://portal.example/back").state.state
        return self.finish({"user_email": ASHAS_MAIL, "state": state, **came})

    def finish(self, fields: dict[str, str], client_id: str = "ZEBU123") -> BrokerAccount:
        return broker_accounts.finish_login(self.ports, a_key(), client_id, parse(LoginCallback, fields))


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


def test_a_race_with_oneself_keeps_the_credentials(bank: Bank) -> None:
    add = bank.accounts.add

    def twice(account: BrokerAccount, user: User, *, new_user: bool) -> None:
        add(account, user, new_user=new_user)
        add(account, user, new_user=new_user)

    bank.accounts.add = twice  # type: ignore[method-assign]  # the same request came twice

    with pytest.raises(Conflict):
        bank.link()
    assert len(bank.vault.kept) == 1


def test_a_login_starts_at_the_broker_with_a_state_of_300_seconds(bank: Bank) -> None:
    bank.link()

    begun = broker_accounts.begin_login(bank.ports, a_key(), "ZEBU123", ASHAS_MAIL)

    assert begun.url == f"https://broker.example/login?app=app&state={begun.state.state}"
    assert len(begun.state.state) == 43
    assert (begun.state.expires_at - NINE_TWENTY).total_seconds() == 300


def test_a_finished_login_makes_the_account_ready(bank: Bank) -> None:
    bank.link()

    ready = bank.log_in()

    assert ready.not_ready_because(NINE_TWENTY) is None
    assert list(bank.vault.opened) == [(ready.user_id, "ZEBU123")]
    assert bank.http.sent[0].target == "/token/code"


def test_a_state_works_once(bank: Bank) -> None:
    bank.link()
    begun = broker_accounts.begin_login(bank.ports, a_key(), "ZEBU123", ASHAS_MAIL)
    fields = {"user_email": ASHAS_MAIL, "request_token": "code", "state": begun.state.state}
    bank.finish(fields)

    with pytest.raises(InvalidRequest) as refusal:
        bank.finish(fields)

    assert refusal.value.reason == "oauth_state_invalid"


def test_a_state_is_over_after_300_seconds(bank: Bank) -> None:
    bank.link()
    begun = broker_accounts.begin_login(bank.ports, a_key(), "ZEBU123", ASHAS_MAIL)
    bank.clock.passes(seconds=300)

    with pytest.raises(InvalidRequest):
        bank.finish({"user_email": ASHAS_MAIL, "request_token": "code", "state": begun.state.state})


def test_a_made_up_state_is_refused(bank: Bank) -> None:
    bank.link()

    with pytest.raises(InvalidRequest) as refusal:
        bank.log_in(state="made up")

    assert list(refusal.value.details) == ["state"]


def test_a_state_serves_no_other_account(bank: Bank) -> None:
    bank.link()
    bank.link(client_id="ZEBU456")
    begun = broker_accounts.begin_login(bank.ports, a_key(), "ZEBU123", ASHAS_MAIL)
    fields = {"user_email": ASHAS_MAIL, "request_token": "code", "state": begun.state.state}

    with pytest.raises(InvalidRequest):
        bank.finish(fields, client_id="ZEBU456")
    assert bank.http.sent == []


def test_a_login_to_another_account_is_not_kept(bank: Bank) -> None:
    bank.link()
    bank.broker.client_id = "SOMEBODY"

    with pytest.raises(LoginRefused):
        bank.log_in()
    assert bank.vault.opened == {}


@pytest.mark.parametrize("failure", [Refused("Invalid api_key"), SessionExpired("Invalid api_key")])
def test_what_the_broker_says_no_to_is_told_in_its_words(bank: Bank, failure: BrokerFailure) -> None:
    bank.link()
    bank.broker.failure = failure

    with pytest.raises(LoginRefused) as refusal:
        bank.log_in()

    assert refusal.value.extra == {"details": {"broker_response": "Invalid api_key"}}


@pytest.mark.parametrize("failure", [NotSent("x"), Unknown("x"), RateLimited("x")])
def test_a_broker_that_does_not_answer_is_unavailable(bank: Bank, failure: BrokerFailure) -> None:
    bank.link()
    bank.http.failure = failure

    with pytest.raises(Unavailable) as refusal:
        bank.log_in()

    assert refusal.value.reason == "broker_unavailable"


@pytest.mark.parametrize("email", [ASHAS_MAIL, "ravi@example.com"])
def test_a_login_needs_an_account_of_that_user(bank: Bank, email: str) -> None:
    bank.link(client_id="ZEBU456")

    with pytest.raises(NotFound):
        broker_accounts.begin_login(bank.ports, a_key(), "ZEBU123", email)


@pytest.mark.parametrize(
    ("broker", "came", "code"),
    [
        (Zerodha, {"Request_Token": "c", "action": "login", "status": "success"}, "c"),
        (Zebu, {"code": "c"}, "c"),
        (Upstox, {"CODE": "c"}, "c"),
        (AngelOne, {"auth_token": "c", "feed_token": "f", "refresh_token": "r", "request_token": "other"}, "c"),
        (MStock, {"Auth": "c", "ApiKey": "k", "UserDetails": "u"}, "c"),
        (IciciDirect, {"API_Session": "c"}, "c"),
        (IciciDirect, {"apisession": "c"}, "c"),
        (Upstox, {"request_token": "c"}, "c"),
    ],
)
def test_a_callback_takes_the_names_of_each_brokers_page(
    bank: Bank, broker: type[Broker], came: dict[str, str], code: str
) -> None:
    bank.link()
    bank.broker.capability = broker.capability

    bank.come_back(came)

    assert bank.http.sent[0].target == f"/token/{code}"
    assert bank.broker.came == came


@pytest.mark.parametrize(
    ("came", "wrong"),
    [
        ({}, {"code"}),
        ({"code": ""}, {"code"}),
        ({"code": "c", "feed_token": "f"}, {"feed_token"}),
        ({"code": "c", "colour": "red", "size": "xl"}, {"colour", "size"}),
        ({"code": "c", "Code": "d"}, {"code", "Code"}),
        ({"code": "line\r\nbreak"}, {"code"}),
        ({"code": "c" * 8193}, {"code"}),
    ],
)
def test_what_a_brokers_page_does_not_return_with_is_refused_by_name(
    bank: Bank, came: dict[str, str], wrong: set[str]
) -> None:
    bank.link()

    with pytest.raises(InvalidRequest) as refusal:
        bank.come_back(came)

    assert set(refusal.value.details) == wrong
    assert bank.http.sent == []


def test_a_callback_shows_none_of_its_secrets() -> None:
    back = LoginCallback.model_validate({"user_email": ASHAS_MAIL, "state": "hush", "code": "hush", "Auth": "hush"})

    assert "hush" not in repr(back)


def test_a_login_is_bound_by_the_path_it_returns_to_where_nothing_else_comes_back(bank: Bank) -> None:
    bank.link()

    begun = bank.begin("https://portal.example/back/?tenant=7")

    bound = f"https://portal.example/back/{begun.state.state}?tenant=7"
    assert (begun.binding, begun.state.redirect_url) == (Binding.REDIRECT, bound)
    assert begun.url.endswith(bound)


def test_a_login_whose_state_comes_back_returns_to_the_registered_address(bank: Bank) -> None:
    bank.link()
    bank.broker.capability = Upstox.capability

    begun = bank.begin("https://portal.example/back")
    bank.finish({"user_email": ASHAS_MAIL, "state": begun.state.state, "code": "c"})

    assert begun.url.endswith("back=https://portal.example/back")
    assert bank.broker.returned_to == "https://portal.example/back"


@pytest.mark.parametrize("broker", [Upstox, MStock])
def test_a_page_that_asks_where_to_return_to_has_to_be_told(bank: Bank, broker: type[Broker]) -> None:
    bank.link()
    bank.broker.capability = broker.capability

    with pytest.raises(InvalidRequest) as refusal:
        bank.begin(None)

    assert list(refusal.value.details) == ["redirect_url"]


@pytest.mark.parametrize(
    "odd",
    [
        "http://portal.example/back",
        "https://portal.example/back#part",
        "https://user@portal.example/",
        "https://",
        "https://[::1",
        "https://portal.example:99999/",
        "javascript:alert(1)",
        "https://portal.example/a b",
    ],
)
def test_an_odd_return_address_is_refused(odd: str) -> None:
    with pytest.raises(InvalidRequest):
        parse(LoginStart, {"user_email": ASHAS_MAIL, "redirect_url": odd})


def test_a_developers_own_machine_may_be_returned_to() -> None:
    assert parse(LoginStart, {"user_email": ASHAS_MAIL, "redirect_url": "http://localhost:3000/back"}).redirect_url


def test_the_profile_proves_whose_session_it_is(bank: Bank) -> None:
    bank.link()
    bank.broker.owner_id = "SOMEBODY"

    with pytest.raises(LoginRefused) as refusal:
        bank.log_in()

    assert refusal.value.extra == {"details": {"broker_response": "The login was for client SOMEBODY"}}
    assert [request.target for request in bank.http.sent] == ["/token/code", "/profile"]
    assert bank.vault.opened == {}


def test_a_dead_session_marks_the_account_once(bank: Bank) -> None:
    bank.link()
    user_id = bank.log_in().user_id

    marked = [broker_accounts.mark_login_required(bank.accounts, user_id, "ZEBU123", bank.clock()) for _ in range(2)]

    assert [account is not None for account in marked] == [True, False]
    assert bank.accounts.get(user_id, "ZEBU123").not_ready_because(NINE_TWENTY) == "broker_login_missing"


def test_a_login_since_then_is_not_undone_by_the_death_of_the_session_before(bank: Bank) -> None:
    bank.link()
    user_id, used_at = bank.log_in().user_id, bank.clock()
    bank.clock.passes(seconds=1)
    bank.log_in()

    assert broker_accounts.mark_login_required(bank.accounts, user_id, "ZEBU123", used_at) is None
    assert bank.accounts.get(user_id, "ZEBU123").not_ready_because(NINE_TWENTY) is None


def test_an_account_that_changed_meanwhile_is_read_again_and_marked(bank: Bank) -> None:
    bank.link()
    user_id, save, lost = bank.log_in().user_id, bank.accounts.save, [1, 2]

    def contended(account: BrokerAccount) -> None:
        if lost:
            lost.pop()
            raise Conflict("changed meanwhile")
        save(account)

    bank.accounts.save = contended  # type: ignore[method-assign]  # others write at the same time

    assert broker_accounts.mark_login_required(bank.accounts, user_id, "ZEBU123", bank.clock()) is not None


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
