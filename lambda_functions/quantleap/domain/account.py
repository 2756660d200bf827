"""Users, their broker accounts, and the daily login that makes an account ready to trade."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import AfterValidator, Field, StringConstraints

from quantleap.domain.clock import IST
from quantleap.domain.model import Model
from quantleap.domain.partner import Environment, PartnerId

OAUTH_STATE_LIFE = timedelta(seconds=300)


def _email(value: str) -> str:
    """Lower-case an address; the check is for slips of the pen, delivery proves the rest."""
    name, at, host = value.strip().lower().rpartition("@")
    odd = any(c.isspace() or c in "@#,;<>" for c in name + host)
    if odd or not (at and name) or "." not in host.strip("."):
        raise ValueError("Invalid email format")
    return f"{name}@{host}"


Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)]
ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{2,40}$")]
PersonName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=120)]


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


class Credentials(Model):
    """A user's permanent API credentials at a broker; never shown, logged or compared in plain sight."""

    api_key: str = Field(min_length=1, max_length=256, repr=False)
    api_secret: str = Field(min_length=1, max_length=512, repr=False)


class NewBrokerAccount(Credentials):
    """What a partner sends to set a user's account up, once."""

    user_email: Email
    user_name: PersonName | None = None
    broker_name: PartnerId
    client_id: ClientId

    @property
    def credentials(self) -> Credentials:
        """The part that goes to the vault."""
        return Credentials(api_key=self.api_key, api_secret=self.api_secret)


class LoginStart(Model):
    """Whose daily login begins."""

    user_email: Email


class LoginCallback(LoginStart):
    """What the broker's login page sent back through the partner."""

    request_token: str = Field(min_length=1, max_length=2048, repr=False)
    state: str = Field(min_length=1, max_length=256, repr=False)


class AccountFilter(Model):
    """Which of a tenant's accounts to list, and which page of them."""

    user_email: Email | None = None
    limit: int = Field(default=50, ge=1, le=100)
    next_token: ClientId | None = None


class Session(Model):
    """What a broker's login gave: the token of the day and when it dies."""

    access_token: str = Field(repr=False)
    client_id: str
    expires_at: datetime


class OAuthState(Model):
    """A login under way: bound to one account, usable once, for 300 seconds."""

    state: str = Field(repr=False)
    tenant: str
    user_id: str
    client_id: str
    created_at: datetime

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

    def not_ready_because(self, at: datetime) -> str | None:
        """Why no order can go to the account at that time, or None when one can."""
        if self.account_status is not AccountStatus.ENABLED:
            return "broker_account_disabled"
        if self.token_expires_at is None:
            return "broker_login_missing"
        if self.token_expires_at <= at:
            return "broker_token_expired"
        return None


def valid_until_text(expires_at: datetime) -> str:
    """`3:30 PM IST`, as a person reads it."""
    return f"{expires_at.astimezone(IST):%I:%M %p} IST".lstrip("0")
