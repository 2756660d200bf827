"""Broker accounts, logins, and links to our own pages."""

from typing import Literal

from pydantic import AwareDatetime, Field

from quantleap.domain.account import AccountStatus
from quantleap.domain.model import Model
from quantleap.domain.partner import Environment
from sandbox.openapi.answers.common import Answer, Reason, Token


class Account(Model):
    """A broker account: whether there are secrets, never one of them."""

    user_id: str
    client_id: str
    broker_name: str
    environment: Environment
    account_status: AccountStatus
    has_credentials: bool
    has_oauth_token: bool
    token_expires_at: AwareDatetime | None
    last_oauth_login: AwareDatetime | None
    ready_to_trade: bool
    not_ready_because: Reason
    created_at: AwareDatetime


class OneAccount(Answer):
    """A broker account."""

    broker_account: Account


class LinkedAccount(OneAccount):
    """A broker account that was set up, or whose credentials were replaced."""

    success: Literal[True]
    message: str


class Accounts(Answer):
    """A page of broker accounts."""

    broker_accounts: tuple[Account, ...]
    count: int
    next_token: Token


class RemovedAccount(Answer):
    """A broker account that is forgotten."""

    message: str
    client_id: str


class LoginBegun(Answer):
    """Where to send the user's browser."""

    oauth_url: str
    state: str
    expires_in: int = Field(description="Seconds until it is too late to come back.")
    redirect_url: str | None
    state_returned_by: Literal["query", "redirect_path"]


class LoggedIn(Answer):
    """The end of a login."""

    success: Literal[True]
    message: str
    token_expires_at: AwareDatetime | None
    valid_until: str | None = Field(description="The same in India's time, for people.")


class DeepLink(Answer):
    """A link to our pages for one user: it works once, for a short time."""

    message: str
    url: str
    token: str
    partner: str
    user_id: str | None
    user_email: str
    template_id: str | None
    template_basket_id: str | None
    subscription_id: str | None
    path: str
    expires_at: AwareDatetime
    expires_in: int = Field(description="Seconds.")
