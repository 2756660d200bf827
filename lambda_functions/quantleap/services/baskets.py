"""Baskets: what administrators write before it becomes a template, and every version of it since."""

from collections.abc import Sequence
from typing import NamedTuple

from quantleap.domain.basket import Approval, Basket, BasketDraft, BasketVersion, UpdatePolicy
from quantleap.domain.basket_changes import BasketChange, NewApproval, NewBasket
from quantleap.domain.clock import Clock
from quantleap.domain.errors import Conflict, InvalidRequest
from quantleap.domain.ids import PLATFORM_OWNER, Randomness, basket_id
from quantleap.domain.market_data import MarketData
from quantleap.domain.model import merged
from quantleap.domain.ports import Baskets, Subscriptions
from quantleap.domain.rate import day_of
from quantleap.domain.sizing import caps, require_tradable

MOST_COUNTED = 20_000
"""Followers that are read while an administrator waits, which takes some seconds; the rehearsal counts any number."""


class Written(NamedTuple):
    """A basket, and the version that was written of it; None where nothing differed."""

    basket: Basket
    version: BasketVersion | None


def create(
    baskets: Baskets,
    data: MarketData,
    clock: Clock,
    draw: Randomness,
    admin: str,
    wanted: NewBasket,
    usual: UpdatePolicy,
) -> Basket:
    """Store what an administrator wrote as version 1; under policy `registered` it waits for its approval.

    Where its id is taken, this very request was carried out before and nobody was told of it.
    """
    now = clock()
    require_tradable(wanted, day_of(now), data)
    policy = wanted.policy or usual
    draft = {name: value for name, value in dict(wanted).items() if name in BasketDraft.model_fields}
    facts = {
        "basket_id": basket_id(draw),
        "template_owner_id": PLATFORM_OWNER,
        "policy": policy,
        "live_version": 1 if policy is UpdatePolicy.INSTANT else 0,
        "created_by": admin,
        "created_at": now,
        "updated_at": now,
    }
    basket = Basket.model_validate({**draft, **facts})
    try:
        baskets.add(basket)
    except Conflict:
        return baskets.get(basket.basket_id)
    return basket


def change(baskets: Baskets, data: MarketData, clock: Clock, admin: str, wanted: str, fields: BasketChange) -> Written:
    """Write a new version from the newest one and what was given; nothing is written where nothing differs."""
    now, was = clock(), baskets.get(wanted)
    newest = _newest(baskets, was)
    draft = merged(BasketDraft, newest.model_dump(), fields)
    require_tradable(draft, day_of(now), data)
    if draft == newest:
        return Written(was, None)
    written = was.written(draft, now)
    version = was.state(draft, written.latest_version, admin, now)
    baskets.save(written, was=was, written=version)
    return Written(written, version)


def too_large_for(subscriptions: Subscriptions, data: MarketData, clock: Clock, done: Written) -> int | None:
    """How many followers may not trade a version as written; None where too many follow to count them at once."""
    if done.version is None:
        return 0
    if done.basket.subscriber_count > MOST_COUNTED:
        return None
    oversized = caps(done.version, day_of(clock()), data)
    return sum(bool(oversized(seat.allocations)) for seat in subscriptions.seats(done.basket.basket_id))


def _newest(baskets: Baskets, basket: Basket) -> BasketDraft:
    """What a change starts from: the last version written, live or not."""
    if basket.latest_version == basket.live_version:
        return basket.draft
    return basket.draft_of(baskets.version(basket.basket_id, basket.latest_version))


def versions(baskets: Baskets, wanted: str) -> tuple[Basket, Sequence[BasketVersion]]:
    """A basket and each of its versions, newest first."""
    return baskets.get(wanted), baskets.versions(wanted)


def approve(
    baskets: Baskets, clock: Clock, admin: str, wanted: str, number: int, approval: NewApproval
) -> tuple[Basket, BasketVersion]:
    """Let a version of policy `registered` trade from a day on, under the exchange's ids."""
    now = clock()
    today = day_of(now)
    first = approval.effective_from or today
    if first < today:
        raise InvalidRequest({"effective_from": "Must not lie in the past"})
    was, version = baskets.get(wanted), baskets.version(wanted, number)
    given = Approval(algo_ids=approval.algo_ids, effective_from=first, approved_by=admin, approved_at=now)
    basket = was.approved(version, given, now, today)
    approved = version.model_copy(update={"approval": given})
    baskets.approve(basket, was=was, approved=approved)
    return basket, approved


def remove(baskets: Baskets, wanted: str) -> Basket:
    """Delete a basket that is not offered and that nobody follows; its versions stay, runs refer to them."""
    basket = baskets.get(wanted)
    if basket.marketplace is not None:
        raise Conflict("The basket is on the marketplace; withdraw it first", code="template_offered")
    if basket.subscriber_count:
        raise Conflict("Subscriptions of the withdrawn template are still being ended", code="still_closing")
    baskets.remove(basket)
    return basket


def every(baskets: Baskets) -> Sequence[Basket]:
    """All baskets, offered or not, newest first."""
    return baskets.list()


def one(baskets: Baskets, wanted: str) -> Basket:
    """A basket by its id."""
    return baskets.get(wanted)
