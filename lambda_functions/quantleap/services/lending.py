"""Sessions somebody has, for reading what is the same for everybody: some brokers show it only to who is logged in."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import NamedTuple

from quantleap.domain.account import BrokerAccount, Session
from quantleap.domain.broker import Broker
from quantleap.domain.clock import Clock
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import BrokerAccounts, CredentialVault, PartnerKeys
from quantleap.services.broker_accounts import mark_login_required

PAGE = 100
PAGES = 3
"""How many of a tenant's accounts are looked at; a morning's later look finds who logged in meanwhile."""

TRIED = 5
"""Sessions that are unlocked for one that serves."""


class Loan(NamedTuple):
    """A session of somebody's, and what is to be called when it turns out to be dead."""

    session: Session
    died: Callable[[], object]


class Lender(NamedTuple):
    """Where accounts and their sessions are found."""

    keys: PartnerKeys
    accounts: BrokerAccounts
    vault: CredentialVault
    clock: Clock

    def loans(self, broker: Broker) -> Iterator[Loan]:
        """Sessions of accounts that are logged in at the broker, as far as we know."""
        tenants = sorted({key.tenant for key in self.keys.list()})
        ready = list(chain.from_iterable(self._ready(tenant, broker) for tenant in tenants))
        names = [(account.user_id, account.client_id) for account in ready[:TRIED]]
        at = self.clock()
        for name, session in self.vault.sessions(names).items():
            yield Loan(session, partial(mark_login_required, self.accounts, *name, at))

    def _ready(self, tenant: Tenant, broker: Broker) -> list[BrokerAccount]:
        found: list[BrokerAccount] = []
        token: str | None = None
        for _ in range(PAGES):
            page = self.accounts.of_tenant(tenant, PAGE, token)
            found += (each for each in page.items if self._lends(each, broker))
            token = page.next_token
            if token is None:
                break
        return found

    def _lends(self, account: BrokerAccount, broker: Broker) -> bool:
        return account.broker_id == broker.name and account.not_ready_because(self.clock()) is None
