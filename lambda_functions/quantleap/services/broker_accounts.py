"""Broker accounts: set up once, logged in to every trading day."""

from contextlib import suppress
from typing import NamedTuple

from quantleap.domain.account import (
    AccountFilter,
    BrokerAccount,
    LoginCallback,
    NewBrokerAccount,
    OAuthState,
    Session,
    User,
)
from quantleap.domain.broker import BrokerFailure, NotSent, RateLimited, Unknown
from quantleap.domain.clock import Clock
from quantleap.domain.errors import Conflict, InvalidRequest, LoginRefused, NotFound, Unavailable
from quantleap.domain.ids import Randomness, user_id
from quantleap.domain.partner import ALPHANUMERIC, PartnerKey, Tenant
from quantleap.domain.ports import BrokerAccounts, Brokers, CredentialVault, Http, Logins, Page, Users

STATE_LENGTH = 43
"""Letters and digits of an OAuth state: 256 bits."""


class Linked(NamedTuple):
    """An account with the credentials just stored, and whether it is new."""

    account: BrokerAccount
    new: bool


class Login(NamedTuple):
    """A login under way: where the browser goes, and the state that has to come back."""

    url: str
    state: OAuthState


class Ports(NamedTuple):
    """What linking an account and logging in to it need."""

    accounts: BrokerAccounts
    users: Users
    logins: Logins
    vault: CredentialVault
    brokers: Brokers
    http: Http
    clock: Clock
    draw: Randomness


def link(ports: Ports, key: PartnerKey, wanted: NewBrokerAccount) -> Linked:
    """Store a user's credentials at a broker; the first account of an address makes the user.

    Sent again for the same user, client id and broker, the new credentials replace the old and today's login is
    void, because it was made with the old ones. A client id another user of the partner has is a conflict.
    """
    ports.brokers.broker(wanted.broker_name, key.environment)
    user, client_of = ports.accounts.known(key.tenant, wanted.user_email, wanted.client_id)
    if client_of is None:
        return Linked(_add(ports, key, wanted, user), new=True)
    if user is None or user.user_id != client_of:
        raise Conflict("Another user has this client_id already", code="client_id_taken")
    return Linked(_replace(ports, user, wanted), new=False)


def _add(ports: Ports, key: PartnerKey, wanted: NewBrokerAccount, user: User | None) -> BrokerAccount:
    """Vault first, so an account that is found always has credentials; a lost race leaves nothing behind."""
    now = ports.clock()
    holder = user or User(
        user_id=user_id(ports.draw),
        tenant=key.tenant.key,
        email=wanted.user_email,
        name=wanted.user_name,
        created_at=now,
    )
    account = BrokerAccount(
        user_id=holder.user_id,
        tenant=key.tenant.key,
        client_id=wanted.client_id,
        broker_id=wanted.broker_name,
        environment=key.environment,
        created_at=now,
    )
    ports.vault.put_credentials(holder.user_id, wanted.client_id, wanted.credentials)
    try:
        ports.accounts.add(account, holder, new_user=user is None)
    except Conflict:
        _drop_if_orphaned(ports, account)
        raise
    return account


def _drop_if_orphaned(ports: Ports, account: BrokerAccount) -> None:
    """Take back credentials of an account somebody else got; those of the same user's stay."""
    with suppress(NotFound):
        ports.accounts.get(account.user_id, account.client_id)
        return
    ports.vault.forget(account.user_id, account.client_id)


def _replace(ports: Ports, user: User, wanted: NewBrokerAccount) -> BrokerAccount:
    account = ports.accounts.get(user.user_id, wanted.client_id)
    if account.broker_id != wanted.broker_name:
        raise Conflict(f"This client_id is linked at {account.broker_id}", code="client_id_taken")
    ports.vault.put_credentials(user.user_id, wanted.client_id, wanted.credentials)
    replaced = account.with_new_credentials()
    ports.accounts.save(replaced)
    return replaced


def listing(accounts: BrokerAccounts, users: Users, tenant: Tenant, wanted: AccountFilter) -> Page[BrokerAccount]:
    """The tenant's accounts, a page at a time, or all of one user's."""
    if wanted.user_email is None:
        return accounts.of_tenant(tenant, wanted.limit, wanted.next_token)
    user = users.find(tenant, wanted.user_email)
    return Page([] if user is None else accounts.of_user(user.user_id), None)


def one(accounts: BrokerAccounts, tenant: Tenant, client_id: str) -> BrokerAccount:
    """The tenant's account of that client id."""
    return accounts.get(accounts.owner(tenant, client_id), client_id)


def begin_login(ports: Ports, key: PartnerKey, client_id: str, email: str) -> Login:
    """Start today's login: the browser goes to the broker, the state comes back with it."""
    account = _of(ports, key.tenant, client_id, email)
    broker = ports.brokers.broker(account.broker_id, key.environment)
    credentials = ports.vault.credentials(account.user_id, client_id)
    state = OAuthState(
        state=ports.draw(ALPHANUMERIC, STATE_LENGTH),
        tenant=account.tenant,
        user_id=account.user_id,
        client_id=client_id,
        created_at=ports.clock(),
    )
    ports.logins.start(state)
    return Login(broker.login_url(credentials, state.state), state)


def finish_login(ports: Ports, key: PartnerKey, client_id: str, came: LoginCallback) -> BrokerAccount:
    """Swap what the login page gave for the day's session, and keep that.

    The state is used up by the attempt, whatever comes of it.
    """
    account = _of(ports, key.tenant, client_id, came.user_email)
    state = ports.logins.take(came.state)
    if state is None or not state.fits(account, ports.clock()):
        fix = "Unknown, used or older than 300 seconds; start again with oauth/initiate"
        raise InvalidRequest({"state": fix}, code="oauth_state_invalid")
    session = _exchange(ports, key, account, came.request_token)
    if session.client_id != client_id:
        said = f"The login was for client {session.client_id}"
        raise LoginRefused("The user logged in to another account", broker_response=said)
    ports.vault.put_session(account.user_id, session)
    ready = account.logged_in(session, ports.clock())
    ports.accounts.save(ready)
    return ready


def _of(ports: Ports, tenant: Tenant, client_id: str, email: str) -> BrokerAccount:
    user = ports.users.find(tenant, email)
    if user is None:
        raise NotFound("No such broker account")
    return ports.accounts.get(user.user_id, client_id)


def _exchange(ports: Ports, key: PartnerKey, account: BrokerAccount, code: str) -> Session:
    broker = ports.brokers.broker(account.broker_id, key.environment)
    credentials = ports.vault.credentials(account.user_id, account.client_id)
    try:
        answer = ports.http.send(broker.exchange(credentials, account.client_id, code))
        return broker.session(answer, ports.clock())
    except (NotSent, Unknown, RateLimited) as failure:
        raise Unavailable(f"{account.broker_id} did not answer: {failure.reason}", code="broker_unavailable") from None
    except BrokerFailure as failure:
        raise LoginRefused("The broker refused the login", broker_response=failure.text) from None
