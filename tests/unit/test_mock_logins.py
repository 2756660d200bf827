"""A mock token in place of a visit to the login page: the same at every broker that the sandbox simulates."""

from collections.abc import Iterator

import pytest
import urllib3

from quantleap.adapters.brokers.directory import Directory
from quantleap.adapters.http import UrllibHttp
from quantleap.domain.account import BrokerAccount, LoginCallback
from quantleap.domain.broker_id import BROKER_IDS
from quantleap.domain.errors import LoginRefused, Unavailable
from quantleap.domain.model import parse
from quantleap.domain.partner import Environment
from quantleap.services import broker_accounts
from tests.builders import ASHAS_MAIL, a_key, a_new_account
from tests.unit.bank import Bank
from tests.unit.simulator import TEST_APP, Remote, running

BACK = "https://portal.example/back"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Remote]:
    with running() as remote:
        yield remote


@pytest.fixture
def bank(simulator: Remote) -> Bank:
    bank = Bank()
    bank.clock.now = simulator.clock.at
    bank.ports = bank.ports._replace(brokers=Directory(simulator.base, real=False), http=UrllibHttp())
    return bank


def log_in(bank: Bank, broker: str, code: str, app: tuple[str, str] = TEST_APP) -> BrokerAccount:
    wanted = a_new_account(broker_name=broker, client_id="ASHA-7", api_key=app[0], api_secret=app[1])
    broker_accounts.link(bank.ports, a_key(), wanted)
    begun = broker_accounts.begin_login(bank.ports, a_key(), "ASHA-7", ASHAS_MAIL, BACK)
    back = parse(LoginCallback, {"user_email": ASHAS_MAIL, "request_token": code, "state": begun.state.state})
    return broker_accounts.finish_login(bank.ports, a_key(), "ASHA-7", back)


@pytest.mark.parametrize("broker", BROKER_IDS)
def test_any_mock_token_logs_any_account_in(bank: Bank, broker: str) -> None:
    account = log_in(bank, broker, "mock_token_12345")

    assert account.not_ready_because(bank.clock()) is None
    [session] = bank.vault.sessions([(account.user_id, "ASHA-7")]).values()
    assert session.client_id == "ASHA-7"


@pytest.mark.parametrize("broker", BROKER_IDS)
def test_the_page_of_every_simulated_broker_names_the_linked_client(bank: Bank, broker: str) -> None:
    broker_accounts.link(
        bank.ports, a_key(), a_new_account(broker_name=broker, client_id="ASHA-7", api_key=TEST_APP[0])
    )
    begun = broker_accounts.begin_login(bank.ports, a_key(), "ASHA-7", ASHAS_MAIL, BACK)
    shown = urllib3.request("GET", begun.url).data.decode()

    assert "The linked client id is ASHA-7;" in shown


@pytest.mark.parametrize("broker", sorted(set(BROKER_IDS) - {"simulated"}))
def test_the_page_of_a_real_broker_is_told_nothing_that_the_broker_does_not_know(bank: Bank, broker: str) -> None:
    live = a_key(environment=Environment.LIVE)
    bank.ports = bank.ports._replace(brokers=Directory("", real=True))
    broker_accounts.link(bank.ports, live, a_new_account(broker_name=broker, client_id="ASHA-7", api_key=TEST_APP[0]))
    begun = broker_accounts.begin_login(bank.ports, live, "ASHA-7", ASHAS_MAIL, BACK)

    assert "ASHA-7" not in begun.url


@pytest.mark.parametrize("broker", BROKER_IDS)
def test_the_app_has_to_be_known_all_the_same(bank: Bank, broker: str) -> None:
    with pytest.raises(LoginRefused):
        log_in(bank, broker, "mock_token_12345", ("invalid_api_key", "test_api_secret"))


@pytest.mark.parametrize("broker", ["simulated", "upstox", "zebu", "zerodha"])
def test_a_secret_that_the_broker_asks_for_has_to_be_good_all_the_same(bank: Bank, broker: str) -> None:
    with pytest.raises(LoginRefused):
        log_in(bank, broker, "mock_token_12345", (TEST_APP[0], "wrong"))


@pytest.mark.parametrize("broker", BROKER_IDS)
def test_another_code_is_the_brokers_to_judge(bank: Bank, broker: str) -> None:
    with pytest.raises((LoginRefused, Unavailable)):
        log_in(bank, broker, "token_12345")


def test_a_live_account_never_logs_in_by_a_mock_token() -> None:
    bank = Bank()
    live = a_key(environment=Environment.LIVE)
    broker_accounts.link(bank.ports, live, a_new_account())
    begun = broker_accounts.begin_login(bank.ports, live, "ZEBU123", ASHAS_MAIL)
    back = parse(LoginCallback, {"user_email": ASHAS_MAIL, "code": "mock_token_1", "state": begun.state.state})

    broker_accounts.finish_login(bank.ports, live, "ZEBU123", back)

    assert [request.target for request in bank.http.sent] == ["/token/mock_token_1", "/profile"]
