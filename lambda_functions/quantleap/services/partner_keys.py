"""Partner API keys: made, shown, revoked."""

from collections.abc import Sequence
from typing import NamedTuple

from quantleap.domain.clock import Clock
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.ids import Randomness, api_key_id
from quantleap.domain.partner import PartnerKey, PartnerKeyDraft, new_api_key, new_secret
from quantleap.domain.ports import PartnerKeys, SecretHasher


class Issued(NamedTuple):
    """A new key with its secret, which nobody can show again."""

    key: PartnerKey
    secret: str


def create(
    keys: PartnerKeys, hasher: SecretHasher, clock: Clock, draw: Randomness, admin: str, draft: PartnerKeyDraft
) -> Issued:
    """Issue a key as an administrator decided it."""
    now = clock()
    if draft.expires_at is not None and draft.expires_at <= now:
        raise InvalidRequest({"expires_at": "Must lie in the future"})
    api_key = new_api_key(draft.partner_id, draft.environment, draw)
    secret = new_secret(draft.partner_id, draft.environment, draw)
    key = PartnerKey(
        **dict(draft),
        api_key_id=api_key_id(api_key),
        api_key=api_key,
        secret_hash=hasher.hash(secret),
        created_by=admin,
        created_at=now,
    )
    keys.add(key)
    return Issued(key, secret)


def every(keys: PartnerKeys) -> Sequence[PartnerKey]:
    """All keys, newest first, the revoked ones too."""
    return keys.list()


def one(keys: PartnerKeys, key_id: str) -> PartnerKey:
    """A key by its id."""
    return keys.get(key_id)


def revoke(keys: PartnerKeys, clock: Clock, key_id: str) -> PartnerKey:
    """End a key at once and for good; doing it again changes nothing."""
    found = keys.get(key_id)
    revoked = found.revoked(clock())
    if revoked is not found:
        keys.save(revoked)
    return revoked
