from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from quantleap.adapters.brokers.angel_one import AngelOne
from quantleap.adapters.brokers.icici_direct import IciciDirect
from quantleap.adapters.brokers.mstock import MStock
from quantleap.adapters.brokers.upstox import Upstox
from quantleap.adapters.brokers.zebu import Zebu
from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.domain.account import (
    BrokerAccount,
    LoginCallback,
    LoginStart,
    OwnBrokerAccount,
    Person,
    Session,
    valid_until_text,
)
from quantleap.domain.broker import (
    AddressNotAllowed,
    Broker,
    BrokerFailure,
    NotSent,
    RateLimited,
    Refused,
    SessionExpired,
    Unknown,
    Unrecognised,
)
from quantleap.domain.capabilities import Binding
from quantleap.domain.clock import IST
from quantleap.domain.errors import Conflict, InvalidRequest, LoginRefused, NotFound, Unavailable
from quantleap.domain.events import EventType, Happening
from quantleap.domain.model import parse
from quantleap.domain.partner import PLATFORM, Environment, Tenant
from quantleap.services import broker_accounts
from tests.builders import ASHAS_MAIL, NINE_TWENTY, RETURN_TO, a_key, a_new_account
from tests.unit.bank import Bank


@pytest.fixture
def bank() -> Bank:
    return Bank()


def test_a_login_starts_at_the_broker_with_a_state_of_300_seconds(bank: Bank) -> None:
    bank.link()

    begun = broker_accounts.begin_login(bank.ports, a_key(), "ZEBU123", ASHAS_MAIL)

    hint = "login_hint=ZEBU123"  # of a simulated broker only
    assert begun.url == f"https://broker.example/login?{hint}&app=app&state={begun.state.state}"
    assert len(begun.state.state) == 43
    assert (begun.state.expires_at - NINE_TWENTY).total_seconds() == 300


def test_a_finished_login_makes_the_account_ready(bank: Bank) -> None:
    bank.link()

    ready = bank.log_in()

    assert ready.not_ready_because(NINE_TWENTY) is None
    assert list(bank.vault.opened) == [(ready.user_id, "ZEBU123")]
    assert bank.http.sent[0].target == "/token/code"


def meanwhile(bank: Bank, act: Callable[[], object]) -> None:
    """Let something else happen after the session was stored and before the account says so."""
    put = bank.vault.put_session

    def put_and_act(user_id: str, session: Session) -> None:
        put(user_id, session)
        act()

    bank.vault.put_session = put_and_act  # type: ignore[method-assign]  # two requests at once


def test_a_login_counts_though_the_session_before_it_is_found_dead_meanwhile(bank: Bank) -> None:
    bank.link()
    user_id = bank.log_in().user_id
    meanwhile(bank, lambda: broker_accounts.mark_login_required(bank.accounts, user_id, "ZEBU123", bank.clock()))

    bank.log_in()

    assert bank.accounts.get(user_id, "ZEBU123").not_ready_because(NINE_TWENTY) is None


def test_a_login_with_credentials_that_are_replaced_meanwhile_does_not_count(bank: Bank) -> None:
    user_id = bank.link().account.user_id
    meanwhile(bank, lambda: bank.link(api_secret="newer"))

    with pytest.raises(Conflict):
        bank.log_in()

    assert bank.accounts.get(user_id, "ZEBU123").not_ready_because(NINE_TWENTY) == "broker_login_missing"


def test_a_login_to_an_account_that_is_deleted_meanwhile_leaves_no_secret(bank: Bank) -> None:
    account = bank.link().account
    put = bank.vault.put_session

    def after_the_deletion(user_id: str, session: Session) -> None:
        broker_accounts.remove(bank.ports, account)
        put(user_id, session)

    bank.vault.put_session = after_the_deletion  # type: ignore[method-assign]  # two requests at once

    with pytest.raises(NotFound):
        bank.log_in()
    assert (bank.vault.kept, bank.vault.opened) == ({}, {})


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


@pytest.mark.parametrize(
    "failure",
    [Refused("Invalid api_key"), SessionExpired("Invalid api_key"), Unrecognised("Invalid api_key")],
)
def test_what_the_broker_says_no_to_is_told_in_its_words(bank: Bank, failure: BrokerFailure) -> None:
    bank.link()
    bank.broker.failure = failure

    with pytest.raises(LoginRefused) as refusal:
        bank.log_in()

    assert refusal.value.extra == {"details": {"broker_response": "Invalid api_key"}}


@pytest.mark.parametrize("failure", [NotSent("x"), Unknown("x"), RateLimited("x"), AddressNotAllowed("x")])
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
        (AngelOne, {"auth_token": "c", "feed_token": "f", "refresh_token": "r", "request_token": "c"}, "c"),
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

    address = "https://portal.example/back/?tenant=7"
    begun = bank.begin(address, redirect_urls=(address,))

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


def refused_address(begin: Callable[[], object]) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        begin()

    assert list(refusal.value.details) == ["redirect_url"]
    assert refusal.value.reason == "redirect_url_not_registered"


@pytest.mark.parametrize(
    "near",
    [
        "https://portal.example/back/",
        "https://portal.example/back?to=evil",
        "https://portal.example/",
        "https://portal.example/back/../else",
        "https://portal.example/Back",
        "https://PORTAL.example/back",
        "https://portal.example:443/back",
        "https://portal.example:8443/back",
        "https://portal.example.evil.example/back",
        "https://evil.example/https://portal.example/back",
        "http://localhost/back",
    ],
)
def test_a_login_returns_to_an_address_as_it_is_registered_and_to_none_like_it(bank: Bank, near: str) -> None:
    bank.link()

    refused_address(lambda: bank.begin(near))

    assert bank.logins.held == {}
    assert bank.begin(RETURN_TO).state.redirect_url


def test_another_keys_address_is_refused(bank: Bank) -> None:
    bank.link()
    theirs = "https://other.example/back"
    assert bank.begin(theirs, redirect_urls=(theirs,)).state.redirect_url

    refused_address(lambda: bank.begin(theirs))


def test_a_key_with_no_address_names_none_and_still_logs_in(bank: Bank) -> None:
    bank.link()

    refused_address(lambda: bank.begin(RETURN_TO, redirect_urls=()))

    assert bank.begin(None, redirect_urls=()).state.redirect_url is None


def live(bank: Bank) -> None:
    broker_accounts.link(bank.ports, a_key(environment=Environment.LIVE), a_new_account())


@pytest.mark.parametrize("inside", ["https://portal.corp/back", "https://localhost/back", "http://localhost:3000/back"])
def test_a_live_key_from_before_the_list_takes_public_addresses_only(bank: Bank, inside: str) -> None:
    live(bank)
    bank.link()
    old = {"redirect_urls": None}

    with pytest.raises(InvalidRequest) as refusal:
        bank.begin(inside, environment=Environment.LIVE, **old)

    assert list(refusal.value.details) == ["redirect_url"]
    assert "public name" in refusal.value.message
    assert bank.begin("https://any.example/back", environment=Environment.LIVE, **old).state.redirect_url
    assert bank.begin(inside, **old).state.redirect_url, "a test key is a developer's"


def a_person(bank: Bank, environment: Environment) -> Person:
    person = Person("usr_signed_in", Tenant(PLATFORM, environment), ASHAS_MAIL)
    fields = {"broker_name": "zebu", "client_id": "OWN1", "api_key": "app", "api_secret": "app secret"}
    broker_accounts.link_own(bank.ports, person, parse(OwnBrokerAccount, fields))
    return person


OURS = ("https://app.example/auth/broker/callback",)


@pytest.mark.parametrize("environment", list(Environment))
def test_a_login_of_ones_own_returns_to_our_pages(bank: Bank, environment: Environment) -> None:
    person = a_person(bank, environment)

    begun = broker_accounts.begin_own(bank.ports, person, "OWN1", OURS[0], OURS)

    assert begun.state.redirect_url == f"{OURS[0]}/{begun.state.state}"
    refused_address(lambda: broker_accounts.begin_own(bank.ports, person, "OWN1", RETURN_TO, OURS))
    refused_address(lambda: broker_accounts.begin_own(bank.ports, person, "OWN1", OURS[0], ()))


def test_a_login_of_ones_own_returns_to_ones_machine_in_the_sandbox_only(bank: Bank) -> None:
    here = "http://localhost:3000/back"
    stage = Bank()
    tester, trader = a_person(bank, Environment.TEST), a_person(stage, Environment.LIVE)

    assert broker_accounts.begin_own(bank.ports, tester, "OWN1", here, OURS).state.redirect_url
    refused_address(lambda: broker_accounts.begin_own(stage.ports, trader, "OWN1", here, OURS))


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


def test_an_account_that_was_deleted_meanwhile_is_nothing_to_mark(bank: Bank) -> None:
    assert broker_accounts.mark_login_required(bank.accounts, "usr_gone", "ZEBU123", bank.clock()) is None


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

    def contended(account: BrokerAccount, told: Sequence[Happening] = ()) -> None:
        if lost:
            lost.pop()
            raise Conflict("changed meanwhile")
        save(account, told)

    bank.accounts.save = contended  # type: ignore[method-assign]  # others write at the same time

    assert broker_accounts.mark_login_required(bank.accounts, user_id, "ZEBU123", bank.clock()) is not None
    assert [(event.type, event.data["user_id"]) for event in bank.accounts.told] == [
        (EventType.LOGIN_REQUIRED, user_id)
    ]


def test_two_codes_that_differ_are_refused_by_name_and_leave_the_login_open(bank: Bank) -> None:
    bank.link()
    state = bank.begin("https://portal.example/back").state.state
    back = {"user_email": ASHAS_MAIL, "state": state, "code": "c"}

    with pytest.raises(InvalidRequest) as refusal:
        bank.finish({**back, "request_token": "other"})

    assert refusal.value.details == {"request_token": "Another code came beside it; send one of them"}
    assert bank.finish({**back, "request_token": "c"}).token_expires_at is not None


def test_a_callback_as_another_user_uses_the_state_up(bank: Bank) -> None:
    bank.link()
    back = {"user_email": ASHAS_MAIL, "state": bank.begin(None).state.state, "code": "c"}

    with pytest.raises(NotFound):
        bank.finish({**back, "user_email": "mallory@example.com"})
    with pytest.raises(InvalidRequest) as refusal:
        bank.finish(back)

    assert refusal.value.reason == "oauth_state_invalid"


def test_the_end_of_a_login_is_told_to_the_nearest_minute() -> None:
    midnight = datetime(2026, 11, 24, tzinfo=IST)

    assert valid_until_text(midnight - timedelta(milliseconds=400)) == "12:00 AM IST"
    assert valid_until_text(midnight - timedelta(minutes=1)) == "11:59 PM IST"
