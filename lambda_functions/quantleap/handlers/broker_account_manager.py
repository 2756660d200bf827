"""Broker accounts of a partner's users, and their daily logins."""

from quantleap.domain.account import (
    AccountFilter,
    BrokerAccount,
    LoginBegin,
    LoginCallback,
    LoginEnd,
    LoginStart,
    NewBrokerAccount,
    OwnBrokerAccount,
    Person,
)
from quantleap.domain.partner import PartnerKey, Permission
from quantleap.domain.ports import Page
from quantleap.handlers.views import broker_accounts as views
from quantleap.handlers.views import brokers as broker_views
from quantleap.runtime import wiring
from quantleap.runtime.api import Api, Ask, Reply, lambda_handler
from quantleap.runtime.settings import settings
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
    start, client_id = ask.body(LoginStart), ask.id("client_id")
    begun = broker_accounts.begin_login(_ports(), key, client_id, start.user_email, start.redirect_url)
    return Reply(200, views.login(begun), fresh=True)


@api.partner("POST /partner/broker-accounts/{client_id}/oauth/callback", Permission.BROKER_ACCOUNTS_WRITE)
def callback(key: PartnerKey, ask: Ask) -> Reply:
    """Finish today's login."""
    back = ask.body(LoginCallback)
    return Reply(200, views.logged_in(broker_accounts.finish_login(_ports(), key, ask.id("client_id"), back)))


@api.public("GET /brokers")
def brokers(ask: Ask) -> Reply:
    """What each broker can do."""
    return Reply(200, broker_views.table(wiring.brokers().capabilities()))


@api.partner("GET /partner/brokers")
def brokers_of_partner(key: PartnerKey, ask: Ask) -> Reply:
    """What each broker can do, as `GET /brokers` tells anybody."""
    return brokers(ask)


@api.partner("DELETE /partner/broker-accounts/{client_id}", Permission.BROKER_ACCOUNTS_WRITE)
def remove(key: PartnerKey, ask: Ask) -> Reply:
    """Forget an account that no subscription trades."""
    return _remove(broker_accounts.one(wiring.accounts(), key.tenant, ask.id("client_id")))


@api.user("POST /user/broker-accounts")
def link_own(person: Person, ask: Ask) -> Reply:
    """Store one's own credentials: 201 for a new account, 200 where they replace the old ones."""
    linked = broker_accounts.link_own(_ports(), person, ask.body(OwnBrokerAccount))
    return Reply(201 if linked.new else 200, views.linked(linked, wiring.clock()))


@api.user("GET /user/broker-accounts")
def own(person: Person, ask: Ask) -> Reply:
    """One's own accounts."""
    return Reply(200, views.page(Page(wiring.accounts().of_user(person.user_id), None), wiring.clock()))


@api.user("GET /user/broker-accounts/{client_id}")
def own_one(person: Person, ask: Ask) -> Reply:
    """One of one's own accounts, and whether it can trade now."""
    return Reply(200, {"broker_account": views.account(_own(person, ask), wiring.clock())})


@api.user("DELETE /user/broker-accounts/{client_id}")
def remove_own(person: Person, ask: Ask) -> Reply:
    """Forget one of one's own accounts that no subscription trades."""
    return _remove(_own(person, ask))


@api.user("POST /user/broker-accounts/{client_id}/oauth/initiate")
def initiate_own(person: Person, ask: Ask) -> Reply:
    """Begin today's login to one's own account."""
    start = ask.body(LoginBegin, may_be_missing=True)
    ours = settings().redirect_urls
    begun = broker_accounts.begin_own(_ports(), person, ask.id("client_id"), start.redirect_url, ours)
    return Reply(200, views.login(begun), fresh=True)


@api.user("POST /user/broker-accounts/{client_id}/oauth/callback")
def callback_own(person: Person, ask: Ask) -> Reply:
    """Finish today's login to one's own account."""
    back = ask.body(LoginEnd)
    return Reply(200, views.logged_in(broker_accounts.finish_own(_ports(), person, ask.id("client_id"), back)))


def _own(person: Person, ask: Ask) -> BrokerAccount:
    return wiring.accounts().get(person.user_id, ask.id("client_id"))


def _remove(account: BrokerAccount) -> Reply:
    broker_accounts.remove(_ports(), account)
    return Reply(200, {"message": "Broker account was removed", "client_id": account.client_id})


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


handler = lambda_handler(
    api,
    wiring.accounts,
    wiring.brokers,
    wiring.http,
    wiring.logins,
    wiring.users,
    wiring.vault,
    AccountFilter.model_rebuild,
    LoginStart.model_rebuild,
    LoginCallback.model_rebuild,
)
