"""Every route of the API: who answers it, and who may ask."""

from enum import StrEnum
from typing import NamedTuple


class Auth(StrEnum):
    """Who may call a route."""

    PUBLIC = "public"
    PARTNER = "partner"  # a partner's backend: key and secret, checked by `partner-auth`
    USER = "user"  # signed in with Cognito; the function takes the user's id from the token alone
    ADMIN = "admin"  # signed in with Cognito; the function itself asks for group `Admins`


class Route(NamedTuple):
    """One method of one path."""

    method: str
    path: str
    function: str
    auth: Auth

    @property
    def entrance(self) -> "Entrance":
        """Where it is asked for."""
        return Entrance(self.path, self.function, self.auth)


class Entrance(NamedTuple):
    """A path with all its methods: one function answers them, behind one door."""

    path: str
    function: str
    auth: Auth


def _routes(function: str, auth: Auth, *lines: str) -> tuple[Route, ...]:
    """Read lines such as `GET,PUT /a/{id}` as routes."""
    split = [line.split() for line in lines]
    return tuple(Route(method, path, function, auth) for methods, path in split for method in methods.split(","))


ROUTES: tuple[Route, ...] = (
    *_routes(
        "marketplace-manager",
        Auth.PUBLIC,
        "GET /health",
        "GET /openapi.json",
        "GET /marketplace/templates",
        "GET /marketplace/templates/{template_id}",
    ),
    *_routes("broker-account-manager", Auth.PUBLIC, "GET /brokers"),
    *_routes("partner-api-manager", Auth.PARTNER, "GET /partner/me"),
    *_routes(
        "marketplace-manager",
        Auth.PARTNER,
        "GET /partner/marketplace/templates",
        "GET /partner/marketplace/templates/{template_id}",
    ),
    *_routes(
        "subscription-manager",
        Auth.PARTNER,
        "POST /partner/marketplace/subscribe",
        "GET /partner/subscriptions",
        "GET,PATCH,DELETE /partner/subscriptions/{subscription_id}",
        "PUT /partner/subscriptions/{subscription_id}/pause",
        "PUT /partner/subscriptions/{subscription_id}/resume",
        "GET /partner/readiness",
        "POST /partner/deep-links",
    ),
    *_routes(
        "broker-account-manager",
        Auth.PARTNER,
        "GET /partner/brokers",
        "POST,GET /partner/broker-accounts",
        "GET,DELETE /partner/broker-accounts/{client_id}",
        "POST /partner/broker-accounts/{client_id}/oauth/initiate",
        "POST /partner/broker-accounts/{client_id}/oauth/callback",
    ),
    *_routes(
        "execution-manager",
        Auth.PARTNER,
        "GET /partner/executions",
        "GET /partner/executions/{run_id}",
        "POST /partner/sandbox/executions",
    ),
    *_routes("execution-manager", Auth.USER, "GET /user/executions"),
    *_routes(
        "subscription-manager",
        Auth.USER,
        "POST /marketplace/subscribe/{template_id}",
        "GET /user/subscriptions",
        "GET,PATCH,DELETE /user/subscriptions/{subscription_id}",
        "PUT /user/subscriptions/{subscription_id}/pause",
        "PUT /user/subscriptions/{subscription_id}/resume",
    ),
    *_routes(
        "broker-account-manager",
        Auth.USER,
        "POST,GET /user/broker-accounts",
        "GET,DELETE /user/broker-accounts/{client_id}",
        "POST /user/broker-accounts/{client_id}/oauth/initiate",
        "POST /user/broker-accounts/{client_id}/oauth/callback",
    ),
    *_routes(
        "partner-api-manager",
        Auth.ADMIN,
        "POST,GET /admin/partner-api-keys",
        "GET,PUT,DELETE /admin/partner-api-keys/{api_key_id}",
        "POST /admin/partner-api-keys/{api_key_id}/rotate",
        "GET /admin/partner-api-keys/{api_key_id}/usage",
    ),
    *_routes(
        "basket-manager",
        Auth.ADMIN,
        "POST,GET /options/baskets",
        "GET,PUT,DELETE /options/baskets/{basket_id}",
        "GET /options/baskets/{basket_id}/versions",
        "POST /options/baskets/{basket_id}/versions/{number}/approve",
        "GET /admin/halts",
        "GET,PUT,DELETE /admin/halts/{scope}",
        "GET /admin/calendar",
        "GET /admin/market-data",
        "GET,PUT /admin/market-data/{kind}",
        "GET /admin/market-data/{kind}/versions",
    ),
    *_routes(
        "marketplace-manager",
        Auth.ADMIN,
        "GET /admin/marketplace/templates",
        "POST,PUT,DELETE /admin/marketplace/templates/{template_id}",
    ),
)

ENTRANCES: tuple[Entrance, ...] = tuple(dict.fromkeys(route.entrance for route in ROUTES))
"""Every path, once."""
