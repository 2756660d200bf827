"""What each route promises: its name, its answers, and the refusals that are its own.

All else is read from the code: who may enter and with which permissions, what is read of the request, and with that
the refusals that come of it (`refusals.py`). A route without a promise here cannot be described, and fails a test.
"""

from collections.abc import Mapping
from typing import NamedTuple

from pydantic import BaseModel

from sandbox.openapi.answers import (
    accounts,
    baskets,
    brokers,
    common,
    executions,
    keys,
    subscriptions,
    templates,
    trading,
)


class Promise(NamedTuple):
    """One route: the operation's name, what it answers by status, and codes beside those of its door."""

    name: str
    answers: Mapping[int, type[BaseModel]]
    codes: tuple[str, ...] = ()


def _ok(name: str, answer: type[BaseModel], *codes: str, status: int = 200) -> Promise:
    return Promise(name, {status: answer}, codes)


def _subject(name: str, tag: str, promises: Mapping[str, Promise]) -> Mapping[str, tuple[str, Promise]]:
    return {line: (f"{name}: {tag}", promise) for line, promise in promises.items()}


_LINK = ("client_id_taken", "conflict", "vault_unavailable")
_REMOVE = ("broker_account_in_use", "conflict", "vault_unavailable")
_INITIATE = ("redirect_url_not_registered", "vault_unavailable")
_CALLBACK = ("oauth_state_invalid", "broker_login_refused", "conflict", "broker_unavailable", "vault_unavailable")
_SUBSCRIBE = (
    "not_found",
    "broker_account_missing",
    "already_subscribed",
    "template_withdrawn",
    "exit_after_square_off",
)
_CHANGE = (
    "broker_account_missing",
    "broker_account_disabled",
    "invalid_state",
    "conflict",
    "exit_after_square_off",
)
_LINKED: Mapping[int, type[BaseModel]] = {201: accounts.LinkedAccount, 200: accounts.LinkedAccount}

PROMISES: Mapping[str, tuple[str, Promise]] = {
    **_subject(
        "Everyone",
        "marketplace",
        {
            "GET /health": _ok("getHealth", common.Health),
            "GET /openapi.json": _ok("getDescription", common.Document),
            "GET /marketplace/templates": _ok("browsePublicTemplates", templates.Shelf),
            "GET /marketplace/templates/{template_id}": _ok("getPublicTemplate", templates.TemplateDetail),
            "GET /brokers": _ok("listBrokers", brokers.Brokers),
        },
    ),
    **_subject(
        "Partner",
        "marketplace",
        {
            "GET /partner/me": _ok("getOwnKey", keys.OwnKey),
            "GET /partner/marketplace/templates": _ok("browseTemplates", templates.Shelf),
            "GET /partner/marketplace/templates/{template_id}": _ok("getTemplate", templates.TemplateDetail),
        },
    ),
    **_subject(
        "Partner",
        "broker accounts",
        {
            "GET /partner/brokers": _ok("listBrokersAsPartner", brokers.Brokers),
            "POST /partner/broker-accounts": Promise("linkBrokerAccount", _LINKED, _LINK),
            "GET /partner/broker-accounts": _ok("listBrokerAccounts", accounts.Accounts),
            "GET /partner/broker-accounts/{client_id}": _ok("getBrokerAccount", accounts.OneAccount),
            "DELETE /partner/broker-accounts/{client_id}": _ok(
                "removeBrokerAccount", accounts.RemovedAccount, *_REMOVE
            ),
            "POST /partner/broker-accounts/{client_id}/oauth/initiate": _ok(
                "beginLogin", accounts.LoginBegun, *_INITIATE
            ),
            "POST /partner/broker-accounts/{client_id}/oauth/callback": _ok(
                "finishLogin", accounts.LoggedIn, *_CALLBACK
            ),
        },
    ),
    **_subject(
        "Partner",
        "subscriptions",
        {
            "POST /partner/marketplace/subscribe": _ok(
                "subscribe", subscriptions.Subscribed, *_SUBSCRIBE, "broker_account_disabled", status=201
            ),
            "GET /partner/subscriptions": _ok("listSubscriptions", subscriptions.Subscriptions),
            "GET /partner/subscriptions/{subscription_id}": _ok("getSubscription", subscriptions.OneSubscription),
            "PATCH /partner/subscriptions/{subscription_id}": _ok(
                "changeSubscription", subscriptions.ChangedSubscription, *_CHANGE
            ),
            "PUT /partner/subscriptions/{subscription_id}/pause": _ok(
                "pauseSubscription", subscriptions.MovedSubscription, "invalid_state"
            ),
            "PUT /partner/subscriptions/{subscription_id}/resume": _ok(
                "resumeSubscription", subscriptions.MovedSubscription, "invalid_state"
            ),
            "DELETE /partner/subscriptions/{subscription_id}": _ok(
                "cancelSubscription", subscriptions.MovedSubscription, "invalid_state", "conflict"
            ),
            "GET /partner/readiness": _ok("getReadiness", subscriptions.Readiness),
            "POST /partner/deep-links": _ok("createDeepLink", accounts.DeepLink, "not_found", status=201),
        },
    ),
    **_subject(
        "Partner",
        "executions",
        {
            "GET /partner/executions": _ok("listExecutions", executions.Runs),
            "GET /partner/executions/{run_id}": _ok("getExecution", executions.OneRun),
            "POST /partner/sandbox/executions": _ok(
                "fireTemplate", executions.Fired, "sandbox_only", "not_found", "nothing_to_close", status=202
            ),
        },
    ),
    **_subject(
        "User",
        "broker accounts",
        {
            "POST /user/broker-accounts": Promise("linkOwnBrokerAccount", _LINKED, _LINK),
            "GET /user/broker-accounts": _ok("listOwnBrokerAccounts", accounts.Accounts),
            "GET /user/broker-accounts/{client_id}": _ok("getOwnBrokerAccount", accounts.OneAccount),
            "DELETE /user/broker-accounts/{client_id}": _ok(
                "removeOwnBrokerAccount", accounts.RemovedAccount, *_REMOVE
            ),
            "POST /user/broker-accounts/{client_id}/oauth/initiate": _ok(
                "beginOwnLogin", accounts.LoginBegun, *_INITIATE
            ),
            "POST /user/broker-accounts/{client_id}/oauth/callback": _ok(
                "finishOwnLogin", accounts.LoggedIn, *_CALLBACK
            ),
        },
    ),
    **_subject(
        "User",
        "subscriptions",
        {
            "POST /marketplace/subscribe/{template_id}": _ok(
                "subscribeOneself", subscriptions.Subscribed, *_SUBSCRIBE, "broker_account_disabled", status=201
            ),
            "GET /user/subscriptions": _ok("listOwnSubscriptions", subscriptions.Subscriptions),
            "GET /user/subscriptions/{subscription_id}": _ok("getOwnSubscription", subscriptions.OneSubscription),
            "PATCH /user/subscriptions/{subscription_id}": _ok(
                "changeOwnSubscription", subscriptions.ChangedSubscription, *_CHANGE
            ),
            "PUT /user/subscriptions/{subscription_id}/pause": _ok(
                "pauseOwnSubscription", subscriptions.MovedSubscription, "invalid_state"
            ),
            "PUT /user/subscriptions/{subscription_id}/resume": _ok(
                "resumeOwnSubscription", subscriptions.MovedSubscription, "invalid_state"
            ),
            "DELETE /user/subscriptions/{subscription_id}": _ok(
                "cancelOwnSubscription", subscriptions.MovedSubscription, "invalid_state", "conflict"
            ),
        },
    ),
    **_subject("User", "executions", {"GET /user/executions": _ok("listOwnExecutions", executions.OwnRuns)}),
    **_subject(
        "Admin",
        "partner keys",
        {
            "POST /admin/partner-api-keys": _ok("issueKey", keys.IssuedKey, status=201),
            "GET /admin/partner-api-keys": _ok("listKeys", keys.Keys),
            "GET /admin/partner-api-keys/{api_key_id}": _ok("getKey", keys.OneKey),
            "PUT /admin/partner-api-keys/{api_key_id}": _ok("changeKey", keys.OneKey, "conflict"),
            "DELETE /admin/partner-api-keys/{api_key_id}": _ok("revokeKey", keys.OneKey, "conflict"),
            "POST /admin/partner-api-keys/{api_key_id}/rotate": _ok(
                "rotateKey", keys.IssuedKey, "invalid_state", "conflict"
            ),
            "GET /admin/partner-api-keys/{api_key_id}/usage": _ok("getKeyUsage", keys.Usage),
        },
    ),
    **_subject(
        "Admin",
        "baskets",
        {
            "POST /options/baskets": _ok("createBasket", baskets.MadeBasket, status=201),
            "GET /options/baskets": _ok("listBaskets", baskets.Baskets),
            "GET /options/baskets/{basket_id}": _ok("getBasket", baskets.OneBasket),
            "PUT /options/baskets/{basket_id}": _ok("changeBasket", baskets.WrittenBasket, "conflict"),
            "DELETE /options/baskets/{basket_id}": _ok(
                "deleteBasket", baskets.DeletedBasket, "template_offered", "still_closing", "conflict"
            ),
            "GET /options/baskets/{basket_id}/versions": _ok("listVersions", baskets.Versions),
            "POST /options/baskets/{basket_id}/versions/{number}/approve": _ok(
                "approveVersion",
                baskets.ApprovedVersion,
                "version_approved",
                "version_superseded",
                "invalid_state",
                "conflict",
            ),
            "GET /admin/marketplace/templates": _ok("listTemplates", baskets.Templates),
            "POST /admin/marketplace/templates/{template_id}": _ok(
                "offerTemplate", baskets.ChangedOffer, "version_not_approved", "still_closing", "conflict"
            ),
            "PUT /admin/marketplace/templates/{template_id}": _ok("changeOffer", baskets.ChangedOffer, "conflict"),
            "DELETE /admin/marketplace/templates/{template_id}": _ok("withdrawTemplate", baskets.Withdrawn, "conflict"),
        },
    ),
    **_subject(
        "Admin",
        "trading",
        {
            "GET /admin/calendar": _ok("getCalendar", trading.Calendar),
            "GET /admin/market-data": _ok("listMarketData", trading.MarketDataKinds),
            "GET /admin/market-data/{kind}": _ok("getMarketData", trading.MarketData),
            "PUT /admin/market-data/{kind}": _ok(
                "writeMarketData", trading.MarketData, "conflict", "market_data_in_use"
            ),
            "GET /admin/market-data/{kind}/versions": _ok("listMarketDataVersions", trading.MarketDataVersions),
            "GET /admin/halts": _ok("listHalts", trading.Halts),
            "GET /admin/halts/{scope}": _ok("getHalt", trading.OneHalt),
            "PUT /admin/halts/{scope}": _ok("haltTrading", trading.OneHalt),
            "DELETE /admin/halts/{scope}": _ok("liftHalt", trading.LiftedHalt),
        },
    ),
}
"""Every route by its line: the heading it stands under, and its promise."""
