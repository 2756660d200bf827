"""Broker accounts of a partner's users, and their daily logins."""

from quantleap.domain.account import AccountFilter, LoginCallback, LoginStart, NewBrokerAccount
from quantleap.domain.partner import PartnerKey, Permission
from quantleap.handlers.views import broker_accounts as views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.services import broker_accounts

api = Api()


@api.partner("POST /partner/broker-accounts", Permission.BROKER_ACCOUNTS_WRITE)
def link(key: PartnerKey, ask: Ask) -> Reply:
    """Store a user's credentials: 201 for a new account, 200 where they replace the old ones."""
    linked = broker_accounts.link(_ports(), key, ask.body(NewBrokerAccount))
    return Reply(201 if linked.new else 200, views.linked(linked, wiring.clock()))


@api.partner("GET /partner/broker-accounts", Permission.BROKER_ACCOUNTS_WRITE)
def listing(key: PartnerKey, ask: Ask) -> Reply:
    """The tenant's accounts, a page at a time."""
    wanted = ask.query(AccountFilter)
    found = broker_accounts.listing(wiring.accounts(), wiring.users(), key.tenant, wanted)
    return Reply(200, views.page(found, wiring.clock()))


@api.partner("GET /partner/broker-accounts/{client_id}", Permission.BROKER_ACCOUNTS_WRITE)
def one(key: PartnerKey, ask: Ask) -> Reply:
    """One account, and whether it can trade now."""
    found = broker_accounts.one(wiring.accounts(), key.tenant, ask.id("client_id"))
    return Reply(200, {"broker_account": views.account(found, wiring.clock())})


@api.partner("POST /partner/broker-accounts/{client_id}/oauth/initiate", Permission.BROKER_ACCOUNTS_WRITE)
def initiate(key: PartnerKey, ask: Ask) -> Reply:
    """Begin today's login."""
    email = ask.body(LoginStart).user_email
    return Reply(200, views.login(broker_accounts.begin_login(_ports(), key, ask.id("client_id"), email)))


@api.partner("POST /partner/broker-accounts/{client_id}/oauth/callback", Permission.BROKER_ACCOUNTS_WRITE)
def callback(key: PartnerKey, ask: Ask) -> Reply:
    """Finish today's login."""
    came = ask.body(LoginCallback)
    return Reply(200, views.logged_in(broker_accounts.finish_login(_ports(), key, ask.id("client_id"), came)))


def _ports() -> broker_accounts.Ports:
    return broker_accounts.Ports(
        accounts=wiring.accounts(),
        users=wiring.users(),
        logins=wiring.logins(),
        vault=wiring.vault(),
        brokers=wiring.brokers(),
        http=wiring.http(),
        clock=wiring.clock,
        draw=wiring.draw,
    )


handler = lambda_handler(api)
