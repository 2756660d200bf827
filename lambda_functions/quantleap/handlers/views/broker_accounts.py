"""Broker accounts in answers: whether there are secrets, never one of them."""

from datetime import datetime
from typing import Any

from quantleap.domain.account import OAUTH_STATE_LIFE, BrokerAccount, valid_until_text
from quantleap.domain.capabilities import Binding
from quantleap.domain.ports import Page
from quantleap.services.broker_accounts import Linked, Login

type Body = dict[str, Any]


def account(shown: BrokerAccount, now: datetime) -> Body:
    """An account, and whether it can trade now."""
    reason = shown.not_ready_because(now)
    return {
        "user_id": shown.user_id,
        "client_id": shown.client_id,
        "broker_name": shown.broker_id,
        "environment": shown.environment,
        "account_status": shown.account_status,
        "has_credentials": True,
        "has_oauth_token": shown.token_expires_at is not None and shown.token_expires_at > now,
        "token_expires_at": shown.token_expires_at,
        "last_oauth_login": shown.last_oauth_login,
        "ready_to_trade": reason is None,
        "not_ready_because": reason,
        "created_at": shown.created_at,
    }


def linked(done: Linked, now: datetime) -> Body:
    """An account that was set up, or whose credentials were replaced."""
    what = "Broker account created successfully" if done.new else "Broker credentials replaced; log in again"
    return {"success": True, "message": what, "broker_account": account(done.account, now)}


def page(found: Page[BrokerAccount], now: datetime) -> Body:
    """Some of a tenant's accounts."""
    shown = [account(each, now) for each in found.items]
    return {"broker_accounts": shown, "count": len(shown), "next_token": found.next_token}


def login(begun: Login) -> Body:
    """Where to send the user, for how long that is good, and how the state comes back."""
    return {
        "oauth_url": begun.url,
        "state": begun.state.state,
        "expires_in": int(OAUTH_STATE_LIFE.total_seconds()),
        "redirect_url": begun.state.redirect_url,
        "state_returned_by": "query" if begun.binding is Binding.STATE else "redirect_path",
    }


def logged_in(shown: BrokerAccount) -> Body:
    """The end of a login."""
    expires = shown.token_expires_at
    return {
        "success": True,
        "message": "OAuth login successful",
        "token_expires_at": expires,
        "valid_until": None if expires is None else valid_until_text(expires),
    }
