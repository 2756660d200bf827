"""Which refusals a route may answer: those of the gateway, of its door, of what it reads, and its own."""

from collections.abc import Iterator, Mapping

from cdk_stack.routes import Auth
from quantleap.domain.codes import CODES
from sandbox.openapi.contract import Promise
from sandbox.openapi.reading import Reading

DOORS: Mapping[Auth, tuple[str, ...]] = {
    Auth.PUBLIC: (),
    Auth.PARTNER: (
        "invalid_credentials",
        "key_revoked",
        "key_expired",
        "secret_rotated",
        "ip_not_allowed",
        "daily_quota_exceeded",
    ),
    Auth.USER: ("invalid_credentials", "id_token_required"),
    Auth.ADMIN: ("invalid_credentials", "id_token_required", "admins_only"),
}

GATEWAY = ("rate_limited", "internal_error", "timeout")
"""Any route: the stage's own limit, a fault of ours, no answer in time."""


def codes(reading: Reading, promise: Promise) -> list[str]:
    """Every code a route may answer, in the order of the table."""
    possible = {*GATEWAY, *DOORS[reading.route.auth], *_of_reading(reading), *promise.codes}
    return [code for code in CODES if code in possible]


def _of_reading(reading: Reading) -> Iterator[str]:
    if _asks_the_table(reading):
        yield "service_unavailable"
    if reading.needed:
        yield "permission_denied"
    if reading.body or reading.query or reading.repeatable:
        yield "invalid_request"
    if reading.body:
        yield from ("payload_too_large", "unsupported_media_type")
    if "{" in reading.route.path:
        yield "not_found"
    if reading.repeatable:
        yield from ("idempotency_in_progress", "idempotency_key_reused")
    if reading.route.auth is Auth.PARTNER and reading.route.method != "GET":
        yield "rate_counter_unavailable"


def _asks_the_table(reading: Reading) -> bool:
    """Whether a table too busy at that moment is felt; what anybody may ask without a word more needs none."""
    return reading.route.auth is not Auth.PUBLIC or reading.query is not None or "{" in reading.route.path
