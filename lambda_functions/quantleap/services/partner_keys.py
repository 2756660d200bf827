"""Partner API keys: made, shown, changed, given a new secret, revoked."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from quantleap.domain.clock import Clock
from quantleap.domain.errors import Conflict, InvalidRequest
from quantleap.domain.ids import Randomness, api_key_id
from quantleap.domain.partner import (
    PartnerKey,
    PartnerKeyChange,
    PartnerKeyDraft,
    Rotation,
    UsageFilter,
    new_api_key,
    new_secret,
)
from quantleap.domain.ports import PartnerKeys, RateBuckets, SecretHasher
from quantleap.domain.rate import DayUsage, day_of


class Issued(NamedTuple):
    """A new key with its secret, which nobody can show again."""

    key: PartnerKey
    secret: str


def create(
    keys: PartnerKeys,
    hasher: SecretHasher,
    clock: Clock,
    draw: Randomness,
    ids: Randomness,
    admin: str,
    draft: PartnerKeyDraft,
) -> Issued:
    """Issue a key as an administrator decided it; its public half is drawn from `ids`, its secret from `draw`.

    Where its id is taken, this very request was carried out before and nobody was told the secret: it gets this one.
    """
    now = clock()
    _require_future(draft.expires_at, now)
    api_key = new_api_key(draft.partner_id, draft.environment, ids)
    secret = new_secret(draft.partner_id, draft.environment, draw)
    key = PartnerKey(
        **dict(draft),
        api_key_id=api_key_id(api_key),
        api_key=api_key,
        secret_hash=hasher.hash(secret),
        created_by=admin,
        created_at=now,
    )
    try:
        keys.add(key)
    except Conflict:
        key = keys.get(key.api_key_id).reissued(key.secret_hash)
        keys.save(key)
    return Issued(key, secret)


def _require_future(expires_at: datetime | None, now: datetime) -> None:
    if expires_at is not None and expires_at <= now:
        raise InvalidRequest({"expires_at": "Must lie in the future"})


def change(keys: PartnerKeys, clock: Clock, key_id: str, wanted: PartnerKeyChange) -> PartnerKey:
    """Change what a key may do, from the next request on."""
    _require_future(wanted.expires_at, clock())
    changed = keys.get(key_id).changed(wanted)
    keys.save(changed)
    return changed


def rotate(
    keys: PartnerKeys, hasher: SecretHasher, clock: Clock, draw: Randomness, key_id: str, wanted: Rotation
) -> Issued:
    """Give a key a new secret; the old one works for the overlap that was asked for."""
    was = keys.get(key_id)
    secret = new_secret(was.partner_id, was.environment, draw)
    rotated = was.rotated(hasher.hash(secret), timedelta(hours=wanted.overlap_hours), clock())
    keys.save(rotated)
    return Issued(rotated, secret)


class Usage(NamedTuple):
    """A key's requests on the days from first to last, newest day first; days without any are left out."""

    key: PartnerKey
    first: date
    last: date
    days: Sequence[DayUsage]


def usage(keys: PartnerKeys, buckets: RateBuckets, clock: Clock, key_id: str, wanted: UsageFilter) -> Usage:
    """How much a key was used lately."""
    key, today = keys.get(key_id), day_of(clock())
    first = today - timedelta(days=wanted.days - 1)
    return Usage(key, first, today, buckets.usage(key_id, first, today))


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
