"""Linking and logging in over fakes: the ports, and what stands behind them."""

from typing import Any

from quantleap.domain.account import BrokerAccount, LoginCallback
from quantleap.domain.model import parse
from quantleap.services import broker_accounts
from quantleap.services.broker_accounts import Linked, Login, Ports
from tests.builders import ASHAS_MAIL, RETURN_TO, Clock, a_key, a_new_account, counting
from tests.fakes import FakeAccounts, FakeBroker, FakeBrokers, FakeHttp, FakeLogins, FakeUsers, FakeVault


class Bank:
    """The ports, and the fakes behind them."""

    def __init__(self) -> None:
        self.users = FakeUsers()
        self.accounts = FakeAccounts(self.users)
        self.logins = FakeLogins()
        self.vault, self.broker, self.http, self.clock = FakeVault(), FakeBroker(), FakeHttp(), Clock()
        self.ports = Ports(
            accounts=self.accounts,
            users=self.users,
            logins=self.logins,
            vault=self.vault,
            brokers=FakeBrokers(self.broker),
            http=self.http,
            clock=self.clock,
            draw=counting(),
        )

    def link(self, **changes: Any) -> Linked:
        return broker_accounts.link(self.ports, a_key(), a_new_account(**changes))

    def log_in(self, client_id: str = "ZEBU123", **changes: str) -> BrokerAccount:
        begun = broker_accounts.begin_login(self.ports, a_key(), client_id, ASHAS_MAIL)
        fields = {"user_email": ASHAS_MAIL, "request_token": "code", "state": begun.state.state, **changes}
        return self.finish(fields, client_id)

    def begin(self, redirect_url: str | None, **changes: Any) -> Login:
        return broker_accounts.begin_login(self.ports, a_key(**changes), "ZEBU123", ASHAS_MAIL, redirect_url)

    def come_back(self, came: dict[str, str]) -> BrokerAccount:
        state = self.begin(RETURN_TO).state.state
        return self.finish({"user_email": ASHAS_MAIL, "state": state, **came})

    def finish(self, fields: dict[str, str], client_id: str = "ZEBU123") -> BrokerAccount:
        return broker_accounts.finish_login(self.ports, a_key(), client_id, parse(LoginCallback, fields))
