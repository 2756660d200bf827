"""Users, their broker accounts, and the daily login that makes an account ready to trade."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple, Self
from urllib.parse import urlsplit, urlunsplit

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, ValidationInfo

from quantleap.domain.broker_id import BrokerId
from quantleap.domain.clock import IST
from quantleap.domain.model import OUTSIDE, READABLE, Digits, Model, Sent, parse
from quantleap.domain.partner import Environment, Tenant
from quantleap.domain.urls import ReturnAddress

OAUTH_STATE_LIFE = timedelta(seconds=300)


def _email(value: str, info: ValidationInfo) -> str:
    """The one spelling of an address; the check is for slips of the pen, delivery proves the rest.

    What stands in the table was let in by the rules of its time, and is left as it is.
    """
    name, at, host = value.strip().rpartition("@")
    outside = info.context == OUTSIDE
    if outside and not name.isascii():
        raise ValueError("Write the part before the @ in letters of the English alphabet, digits and signs")
    name, host = name.lower(), _host(host) if outside else host.lower()
    odd = any(c.isspace() or not c.isprintable() or c in "@#,;<>" for c in name + host)
    if odd or not at or "." not in host or "" in {*name.split("."), *host.split(".")}:
        raise ValueError("Invalid email format")
    return f"{name}@{host}"


def _host(name: str) -> str:
    """A domain as name servers know it (IDNA, which folds and composes); one they cannot know is no address."""
    plain = unicodedata.normalize("NFKC", name).casefold()
    try:
        return plain if plain.isascii() else plain.encode("idna").decode()
    except UnicodeError:
        raise ValueError("Invalid email format") from None


def one_spelling(address: str) -> str:
    """The address of a sign-in, spelt as a partner's request spells it; raises `InvalidRequest`."""
    return parse(_Addressed, {"email": address}).email


Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)]


class _Addressed(Sent):
    email: Email


ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{2,40}$")]
PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120), READABLE]


class AccountStatus(StrEnum):
    """Whether orders may go to the account."""

    ENABLED = "enabled"
    DISABLED = "disabled"


class User(Model):
    """A person a partner brought; the id says nothing of who it is."""

    user_id: str
    tenant: str
    email: Email
    name: str | None = None
    created_at: datetime
    version: int = 1


def _printable(value: str) -> str:
    """What may stand in a header, and in nothing but its own."""
    if not (value.isascii() and value.isprintable()):
        raise ValueError("Use printable ASCII characters only")
    return value


class Credentials(Model):
    """A user's permanent API credentials at a broker; never shown, logged or compared in plain sight."""

    api_key: Annotated[str, AfterValidator(_printable)] = Field(min_length=1, max_length=256, repr=False)
    api_secret: Annotated[str, AfterValidator(_printable)] = Field(min_length=1, max_length=512, repr=False)


class NewBrokerAccount(Credentials, defer_build=True):
    """What a partner sends to set a user's account up, once."""

    user_email: Email
    user_name: PersonName | None = None
    broker_name: BrokerId
    client_id: ClientId

    @property
    def credentials(self) -> Credentials:
        """The part that goes to the vault."""
        return Credentials(api_key=self.api_key, api_secret=self.api_secret)


class OwnBrokerAccount(Credentials, defer_build=True):
    """What somebody who signed in sends to set their own account up, once."""

    broker_name: BrokerId
    client_id: ClientId

    def of(self, person: "Person") -> NewBrokerAccount:
        """The same, with whose it is."""
        return NewBrokerAccount(**dict(self), user_email=person.email, user_name=person.name)


class Person(NamedTuple):
    """Somebody who signed in by themselves; they belong to the platform, in the stage's own environment."""

    user_id: str
    tenant: Tenant
    email: str
    name: str | None = None


class LoginBegin(Sent):
    """Where the broker's page is to send the browser back to."""

    redirect_url: ReturnAddress | None = None


class LoginStart(LoginBegin):
    """Whose daily login begins."""

    user_email: Email


class LoginEnd(Sent):
    """What the broker's login page sent back: beside the state, whatever the page named.

    Which names those may be is the broker's rule; their values go into requests, so they are plain text.
    """

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[str, StringConstraints(pattern=r"^[ -~]*$", max_length=8192)]]

    state: str = Field(min_length=1, max_length=256)

    @property
    def came(self) -> Mapping[str, str]:
        """What the page returned with."""
        return self.__pydantic_extra__

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """All of it is secret."""
        return iter(())


class LoginCallback(LoginEnd):
    """The same, through the partner, who says whose login it was."""

    user_email: Email

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Everything else is secret."""
        yield "user_email", self.user_email


class AccountFilter(Sent):
    """Which of a tenant's accounts to list, and which page of them."""

    user_email: Email | None = None
    limit: Digits = Field(default=50, ge=1, le=100)
    next_token: ClientId | None = None


class FinishedLogin(Model):
    """What a broker's login page sent back, with the app and the account it was for.

    `came` is everything the page returned with, for brokers whose code is not enough; `redirect_url` is where it
    returned to, for brokers that want it repeated.
    """

    credentials: Credentials
    client_id: str
    code: str = Field(repr=False)
    came: dict[str, str] = Field(default={}, repr=False)
    redirect_url: str | None = None

    def value(self, name: str) -> str | None:
        """One of the values that came, its name written in any case."""
        return next((value for key, value in self.came.items() if key.lower() == name.lower()), None)


class Session(Model):
    """What a broker's login gave: the token of the day and when it dies.

    Requests of some brokers name the app's key, or are signed with its secret; some have a second token for their
    live feed. Such a broker's session holds these too.
    """

    access_token: str = Field(repr=False)
    client_id: str
    expires_at: datetime
    api_key: str = Field(default="", repr=False)
    api_secret: str = Field(default="", repr=False)
    feed_token: str = Field(default="", repr=False)


class OAuthState(Model):
    """A login under way: bound to one account, usable once, for 300 seconds.

    `redirect_url` is where the broker's page was told to return to.
    """

    state: str = Field(repr=False)
    tenant: str
    user_id: str
    client_id: str
    created_at: datetime
    redirect_url: str | None = None

    @property
    def expires_at(self) -> datetime:
        """When it is too late to complete it."""
        return self.created_at + OAUTH_STATE_LIFE

    def fits(self, account: "BrokerAccount", at: datetime) -> bool:
        """Whether this login is the one of that account, in time."""
        mine = (self.tenant, self.user_id, self.client_id)
        return mine == (account.tenant, account.user_id, account.client_id) and at < self.expires_at


class BrokerAccount(Model):
    """A user's account at a broker; secrets live in the vault, here only whether they are there."""

    user_id: str
    tenant: str
    client_id: ClientId
    broker_id: str
    environment: Environment
    account_status: AccountStatus = AccountStatus.ENABLED
    token_expires_at: datetime | None = None
    last_oauth_login: datetime | None = None
    created_at: datetime
    version: int = 1

    def with_new_credentials(self) -> Self:
        """The account after its credentials were replaced: the old session goes with the old ones."""
        return self.model_copy(update={"token_expires_at": None, "version": self.version + 1})

    def logged_in(self, session: Session, at: datetime) -> Self:
        """The account after today's login."""
        return self.model_copy(
            update={
                "token_expires_at": session.expires_at,
                "last_oauth_login": at,
                "version": self.version + 1,
            }
        )

    def logged_out(self) -> Self:
        """The account without a session that is good: the user has to log in again."""
        return self.model_copy(update={"token_expires_at": None, "version": self.version + 1})

    def not_ready_because(self, at: datetime) -> str | None:
        """Why no order can go to the account at that time, or None when one can."""
        if self.account_status is not AccountStatus.ENABLED:
            return "broker_account_disabled"
        if self.token_expires_at is None:
            return "broker_login_missing"
        if self.token_expires_at <= at:
            return "broker_token_expired"
        return None


def bound_to(redirect_url: str, state: str) -> str:
    """The address of one login alone: the state ends its path, for brokers that return nothing of ours."""
    parts = urlsplit(redirect_url)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{state}"))


def valid_until_text(expires_at: datetime) -> str:
    """`3:30 PM IST`, as a person reads it; to the minute, for a broker tells the end in whole seconds from now."""
    nearest = expires_at + timedelta(seconds=30)
    return f"{nearest.astimezone(IST):%I:%M %p} IST".lstrip("0")
