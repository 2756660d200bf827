"""Broker accounts: set up once, logged in to every trading day."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from quantleap.domain.account import (
    AccountFilter,
    BrokerAccount,
    FinishedLogin,
    LoginCallback,
    LoginEnd,
    NewBrokerAccount,
    OAuthState,
    OwnBrokerAccount,
    Person,
    Session,
    User,
    bound_to,
)
from quantleap.domain.broker import (
    AddressNotAllowed,
    Broker,
    BrokerFailure,
    NotSent,
    RateLimited,
    Unknown,
    Unrecognised,
)
from quantleap.domain.capabilities import NEUTRAL_CODE, Binding
from quantleap.domain.clock import Clock
from quantleap.domain.errors import Conflict, InvalidRequest, LoginRefused, NotFound, Unavailable
from quantleap.domain.events import EventType, Happening, event_id
from quantleap.domain.ids import Randomness, user_id
from quantleap.domain.model import UNKNOWN_FIELD
from quantleap.domain.partner import ALPHANUMERIC, Environment, PartnerKey, Tenant
from quantleap.domain.ports import BrokerAccounts, Brokers, CredentialVault, Http, Logins, Page, Users
from quantleap.domain.urls import is_loopback, is_public
from quantleap.services import mock_logins

STATE_LENGTH = 43
"""Letters and digits of an OAuth state: 256 bits."""

TRIES = 5
"""Writes of an account that others write at the same time."""


class Linked(NamedTuple):
    """An account with the credentials just stored, and whether it is new."""

    account: BrokerAccount
    new: bool


class Login(NamedTuple):
    """A login under way: where the browser goes, the state that has to come back, and how it does."""

    url: str
    state: OAuthState
    binding: Binding


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

    def attempt() -> Linked:
        user, client_of = ports.accounts.known(key.tenant, wanted.user_email, wanted.client_id)
        return _link(ports, key.tenant, wanted, user, client_of, user_id(ports.draw))

    return _unless_raced(attempt)


def link_own(ports: Ports, person: Person, wanted: OwnBrokerAccount) -> Linked:
    """Store somebody's own credentials; the first account makes them a user of the platform."""

    def attempt() -> Linked:
        user, client_of = ports.accounts.known_user(person.tenant, person.user_id, wanted.client_id)
        return _link(ports, person.tenant, wanted.of(person), user, client_of, person.user_id)

    return _unless_raced(attempt)


def _unless_raced(attempt: Callable[[], Linked]) -> Linked:
    """What an attempt comes to, read and made anew while a user's other accounts are added at the same time."""
    for _ in range(TRIES - 1):
        try:
            return attempt()
        except Conflict as conflict:
            if conflict.reason != Conflict.code:
                raise
    return attempt()


def _link(
    ports: Ports, tenant: Tenant, wanted: NewBrokerAccount, user: User | None, client_of: str | None, new_id: str
) -> Linked:
    ports.brokers.broker(wanted.broker_name, tenant.environment)
    if client_of is None:
        return Linked(_add(ports, tenant, wanted, user, new_id), new=True)
    if user is None or user.user_id != client_of:
        raise Conflict("Another user has this client_id already", code="client_id_taken")
    return Linked(_replace(ports, user, wanted), new=False)


def _add(ports: Ports, tenant: Tenant, wanted: NewBrokerAccount, user: User | None, new_id: str) -> BrokerAccount:
    """Vault first, so an account that is found always has credentials; a lost race leaves nothing behind."""
    now = ports.clock()
    holder = user or User(
        user_id=new_id,
        tenant=tenant.key,
        email=wanted.user_email,
        name=wanted.user_name,
        created_at=now,
    )
    account = BrokerAccount(
        user_id=holder.user_id,
        tenant=tenant.key,
        client_id=wanted.client_id,
        broker_id=wanted.broker_name,
        environment=tenant.environment,
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
    """Take back credentials of an account somebody else got, or deleted; those of the same user's stay."""
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
    try:
        ports.accounts.save(replaced)
    except Conflict:
        _drop_if_orphaned(ports, account)
        raise
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


def remove(ports: Ports, account: BrokerAccount) -> None:
    """Forget an account that no subscription trades; its secrets are unreadable from then on.

    They go first, so that none outlives its account: whatever stops this half way leaves an account that nobody can
    log in to until it is linked again, and that can be deleted again.
    """
    ports.accounts.refuse_in_use(account)
    emptied = account.logged_out()
    ports.accounts.save(emptied)
    ports.vault.forget(account.user_id, account.client_id)
    ports.accounts.remove(emptied)


def begin_login(ports: Ports, key: PartnerKey, client_id: str, email: str, redirect_url: str | None = None) -> Login:
    """Start the day's login of a partner's user; it returns to an address that is registered for the partner's key."""
    account = _of(ports, key.tenant, client_id, email)
    if redirect_url is not None:
        key.require_redirect(redirect_url)
    return _begin(ports, account, redirect_url)


def begin_own(
    ports: Ports, person: Person, client_id: str, redirect_url: str | None, registered: Collection[str]
) -> Login:
    """Start the day's login to one's own account; it returns to a page of ours, or in the sandbox to one's machine."""
    account = ports.accounts.get(person.user_id, client_id)
    if redirect_url is None or redirect_url in registered:
        return _begin(ports, account, redirect_url)
    if account.environment is Environment.LIVE or not is_loopback(redirect_url):
        fix = "Not one of our own pages, letter for letter; the stage's redirect_urls register them"
        raise InvalidRequest({"redirect_url": fix}, code="redirect_url_not_registered")
    return _begin(ports, account, redirect_url)


def _begin(ports: Ports, account: BrokerAccount, redirect_url: str | None) -> Login:
    """Start today's login: the browser goes to the broker, the state comes back with it.

    Where the broker returns nothing of ours, the address it returns to is made this login's own.
    """
    broker = ports.brokers.broker(account.broker_id, account.environment)
    rule = broker.capability.login
    if rule.names_redirect and redirect_url is None:
        raise InvalidRequest({"redirect_url": f"Needed: the login page of {account.broker_id} asks where to return to"})
    if redirect_url and account.environment is Environment.LIVE and not is_public(redirect_url):
        raise InvalidRequest({"redirect_url": "Write an address with a public name; others serve test keys only"})
    credentials = ports.vault.credentials(account.user_id, account.client_id)
    secret = ports.draw(ALPHANUMERIC, STATE_LENGTH)
    bound = bound_to(redirect_url, secret) if redirect_url and rule.binding is Binding.REDIRECT else redirect_url
    state = OAuthState(
        state=secret,
        tenant=account.tenant,
        user_id=account.user_id,
        client_id=account.client_id,
        created_at=ports.clock(),
        redirect_url=bound,
    )
    ports.logins.start(state)
    page = mock_logins.hinted(broker.login_url(credentials, secret, bound), account.environment, account.client_id)
    return Login(page, state, rule.binding)


def finish_login(ports: Ports, key: PartnerKey, client_id: str, back: LoginCallback) -> BrokerAccount:
    """Finish the day's login of a partner's user."""
    return _finished(ports, back, lambda: _of(ports, key.tenant, client_id, back.user_email))


def finish_own(ports: Ports, person: Person, client_id: str, back: LoginEnd) -> BrokerAccount:
    """Finish the day's login to one's own account."""
    return _finished(ports, back, lambda: ports.accounts.get(person.user_id, client_id))


def _finished(ports: Ports, back: LoginEnd, find: Callable[[], BrokerAccount]) -> BrokerAccount:
    """Finish a login at the account that `find` finds; one to an account that is not there uses its state up, too."""
    try:
        account = find()
    except NotFound:
        ports.logins.take(back.state)
        raise
    return finish(ports, account, back)


def finish(ports: Ports, account: BrokerAccount, back: LoginEnd) -> BrokerAccount:
    """Swap what the login page gave for the day's session, and keep that.

    The state is used up by the attempt, whatever comes of it.
    """
    broker = ports.brokers.broker(account.broker_id, account.environment)
    code = _code(broker, back.came)
    state = ports.logins.take(back.state)
    if state is None or not state.fits(account, ports.clock()):
        fix = "Unknown, used or older than 300 seconds; start again with oauth/initiate"
        raise InvalidRequest({"state": fix}, code="oauth_state_invalid")
    login = FinishedLogin(
        credentials=ports.vault.credentials(account.user_id, account.client_id),
        client_id=account.client_id,
        code=code,
        came=dict(back.came),
        redirect_url=state.redirect_url,
    )
    return _ready(ports, account, login, _session(ports, broker, login, account.environment))


def _ready(ports: Ports, account: BrokerAccount, login: FinishedLogin, session: Session) -> BrokerAccount:
    """Keep the session and note it in the account, whoever else writes there, unless the credentials were replaced."""
    ports.vault.put_session(account.user_id, session)
    at = ports.clock()
    for _ in range(TRIES):
        ready = account.logged_in(session, at)
        with suppress(Conflict):
            ports.accounts.save(ready)
            return ready
        try:
            account = ports.accounts.get(account.user_id, account.client_id)
            if ports.vault.credentials(account.user_id, account.client_id) != login.credentials:
                break
        except NotFound:  # deleted meanwhile, its secrets with it
            ports.vault.forget(account.user_id, account.client_id)
            raise
    raise Conflict("The broker account changed meanwhile; log in again")


def mark_login_required(
    accounts: BrokerAccounts, user_id: str, client_id: str, used_at: datetime
) -> BrokerAccount | None:
    """Note that the session an account was used with at `used_at` is dead, so that nobody uses it again.

    `used_at` is from before the session was read. The account, when this changed it: then its user has to be told.
    None where somebody else noted it, where the account is gone, or where the user has logged in since: that session
    is another one.
    """
    for _ in range(TRIES):
        account = accounts.many([(user_id, client_id)]).get((user_id, client_id))
        if account is None:
            return None
        newer = account.last_oauth_login is not None and account.last_oauth_login > used_at
        if account.token_expires_at is None or newer:
            return None
        marked = account.logged_out()
        with suppress(Conflict):
            accounts.save(marked, [_login_required(marked, used_at)])
            return marked
    raise Conflict("The account changes all the time")


def _login_required(account: BrokerAccount, used_at: datetime) -> Happening:
    """That a user has to log in again; the account's version makes each time its own event."""
    kind = EventType.LOGIN_REQUIRED
    return Happening(
        event_id=event_id(kind, f"{account.user_id}/{account.client_id}/{account.version}"),
        type=kind,
        tenant=account.tenant,
        occurred_at=used_at,
        data={"user_id": account.user_id, "client_id": account.client_id, "broker_id": account.broker_id},
    )


def _of(ports: Ports, tenant: Tenant, client_id: str, email: str) -> BrokerAccount:
    user = ports.users.find(tenant, email)
    if user is None:
        raise NotFound("No such broker account")
    return ports.accounts.get(user.user_id, client_id)


def _code(broker: Broker, came: Mapping[str, str]) -> str:
    """The code among what the page returned with; every name that is no name of the broker's is refused."""
    rule = broker.capability.login
    problems = dict.fromkeys(rule.unknown(came), UNKNOWN_FIELD)
    again = Counter(name.lower() for name in came)
    problems |= {name: "Given more than once" for name in came if again[name.lower()] > 1}
    code = rule.code(came)
    if len(rule.codes(came)) > 1:
        problems |= {NEUTRAL_CODE: "Another code came beside it; send one of them"}
    if code is None:
        problems |= {rule.code_names[0]: "Field required"}
    if code is None or problems:
        raise InvalidRequest(problems)
    return code


def _session(ports: Ports, broker: Broker, came: FinishedLogin, environment: Environment) -> Session:
    """The session of a finished login, proved to be the account's."""
    try:
        login = mock_logins.played(came, environment, broker, ports.http)
        request = broker.exchange(login)
        session = broker.session(ports.http.send(request), login, ports.clock())
        _must_be(login.client_id, session.client_id)
        profile = broker.profile(session)
        if profile.target != request.target:
            _must_be(login.client_id, broker.owner(ports.http.send(profile), session))
    except Unrecognised as failure:  # a no in whatever words: nothing was begun that somebody would have to look up
        raise LoginRefused("The broker refused the login", broker_response=failure.text) from None
    except (NotSent, Unknown, RateLimited, AddressNotAllowed) as failure:
        raise Unavailable(f"{broker.name} did not answer: {failure.reason}", code="broker_unavailable") from None
    except BrokerFailure as failure:
        raise LoginRefused("The broker refused the login", broker_response=failure.text) from None
    return session


def _must_be(client_id: str, said: str) -> None:
    if said != client_id:
        raise LoginRefused("The user logged in to another account", broker_response=f"The login was for client {said}")
