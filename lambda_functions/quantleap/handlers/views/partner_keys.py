"""Partner keys in answers: everything but the hash of the secret."""

from typing import Any

from quantleap.domain.partner import PartnerKey
from quantleap.services.partner_keys import Usage

type Body = dict[str, Any]

SHOWN_ONCE = frozenset({"api_secret"})
KEEP_IT = "Store the secret now: it is shown this once and cannot be recovered."


NEVER_SHOWN = {"secret_hash", "old_secret"}


def key(shown: PartnerKey) -> Body:
    """A key as administrators see it."""
    old = shown.old_secret
    return {
        **shown.model_dump(exclude=NEVER_SHOWN),
        "old_secret_valid_until": None if old is None else old.valid_until,
    }


def issued(shown: PartnerKey, secret: str) -> Body:
    """A new key, with its secret."""
    return {**key(shown), "api_secret": secret, "warning": KEEP_IT}


def me(shown: PartnerKey) -> Body:
    """A key as its own partner sees it."""
    return {name: value for name, value in key(shown).items() if name != "created_by"}


def usage(shown: Usage) -> Body:
    """A key's requests by day and route, newest day first."""
    return {
        "api_key_id": shown.key.api_key_id,
        "from": shown.first,
        "to": shown.last,
        "requests": sum(day.requests for day in shown.days),
        "last_used_at": shown.days[0].last_used_at if shown.days else None,
        "days": [{"date": day.day, "requests": day.requests, "routes": day.routes} for day in shown.days],
    }
