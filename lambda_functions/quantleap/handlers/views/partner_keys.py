"""Partner keys in answers: everything but the hash of the secret."""

from typing import Any

from quantleap.domain.partner import PartnerKey

type Body = dict[str, Any]

KEEP_IT = "Store the secret now: it is shown this once and cannot be recovered."


def key(shown: PartnerKey) -> Body:
    """A key as administrators see it."""
    return shown.model_dump(exclude={"secret_hash"})


def issued(shown: PartnerKey, secret: str) -> Body:
    """A new key, with its secret."""
    return {**key(shown), "api_secret": secret, "warning": KEEP_IT}


def me(shown: PartnerKey) -> Body:
    """A key as its own partner sees it."""
    return shown.model_dump(exclude={"secret_hash", "created_by"})
