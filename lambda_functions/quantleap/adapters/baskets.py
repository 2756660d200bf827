"""Baskets in the table: the live record, each version for good, and a schedule item for each entry slot."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from quantleap.adapters import keys, machine
from quantleap.adapters.items import NEW, Write, read, readable, stored
from quantleap.adapters.table import Item, Table, TransactionFailed
from quantleap.domain.basket import Basket, BasketVersion, slots
from quantleap.domain.clock import Clock
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.execution import Due, Scheduled
from quantleap.domain.ids import PLATFORM_OWNER
from quantleap.domain.rate import day_of

KEYS = ("user_id", "sort_key", "subscriber_count")
"""What a change never sets: the key, and the count, which subscriptions move on their own."""

OPTIONAL = ("marketplace", "marketplace_category", "upcoming", "stop_loss", "target", "max_lots")
"""What a change takes away when the basket no longer has it."""


class TableBaskets:
    """The schedule exists only while a basket is offered, so a withdrawn one is never found due."""

    def __init__(self, table: Table, clock: Clock = machine.now) -> None:
        self._table = table
        self._clock = clock

    def add(self, basket: Basket) -> None:
        """Store a new basket and its first version together, its schedule too if it is offered; else `Conflict`."""
        puts = [self._table.putting(_item(basket), NEW), self._putting(basket.first)]
        self._transact([*puts, *self._reschedule(basket, basket.model_copy(update={"marketplace": None}))])

    def _putting(self, version: BasketVersion) -> Write:
        key = keys.basket_version(version.basket_id, version.number)
        item = stored(version, "BASKET_VERSION", key, template_id=version.basket_id, version=1)
        return self._table.putting({name: value for name, value in item.items() if name != "basket_id"}, NEW)

    def get(self, basket_id: str) -> Basket:
        """Read one, strongly consistent; raises `NotFound`."""
        item = self._table.get(keys.basket(basket_id))
        if item is None:
            raise NotFound("No such template")
        return of_item(item, self._clock())

    def version(self, basket_id: str, number: int) -> BasketVersion:
        """A state of a basket, strongly consistent; raises `NotFound`."""
        item = self._table.get(keys.basket_version(basket_id, number))
        if item is None:
            raise NotFound("No such version")
        return _version(item)

    def versions(self, basket_id: str) -> Sequence[BasketVersion]:
        """Every state of a basket, newest first: one query."""
        items = self._table.query_all(
            "user_id = :owner AND begins_with(sort_key, :prefix)",
            newest_first=True,
            owner=PLATFORM_OWNER,
            prefix=keys.basket_versions(basket_id),
        )
        return [_version(item) for item in items]

    def save(self, basket: Basket, *, was: Basket, written: BasketVersion | None = None) -> None:
        """Store a change with its schedule, and the version it wrote, in one transaction; else `Conflict`."""
        more = [] if written is None else [self._putting(written)]
        self._transact([self._change(basket, was), *more, *self._reschedule(basket, was)])

    def approve(self, basket: Basket, *, was: Basket, approved: BasketVersion) -> None:
        """Store a change together with the approval of a version; else `Conflict`."""
        key = keys.basket_version(approved.basket_id, approved.number)
        approval = approved.model_dump(mode="json")["approval"]
        once = "attribute_exists(user_id) AND attribute_not_exists(approval)"
        noted = self._table.updating(key, "SET approval = :approval", once, approval=approval)
        self._transact([self._change(basket, was), noted, *self._reschedule(basket, was)])

    def remove(self, basket: Basket) -> None:
        """Delete a basket nobody can follow any more, but none of its versions; else `Conflict`."""
        unused = "version = :was AND attribute_not_exists(marketplace_category) AND subscriber_count = :none"
        key = keys.basket(basket.basket_id)
        self._transact([self._table.deleting(key, unused, was=basket.version, none=0)])

    def _transact(self, writes: Sequence[Write]) -> None:
        try:
            self._table.transact(writes)
        except TransactionFailed:
            raise Conflict("The basket changed meanwhile; read it again") from None

    def _change(self, basket: Basket, was: Basket) -> Write:
        item = {name: value for name, value in _item(basket).items() if name not in KEYS}
        gone = [name for name in OPTIONAL if name not in item]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in item)
        if gone:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in gone)
        names = {f"name_{name}": name for name in (*item, *gone)}
        key = keys.basket(basket.basket_id)
        return self._table.updating(key, expression, "version = :was", was=was.version, **item, **names)

    def _reschedule(self, basket: Basket, was: Basket) -> list[Write]:
        before, after = _schedule(was), _schedule(basket)
        puts = [
            self._table.putting(_slot(basket, name, numbers))
            for name, numbers in after.items()
            if before.get(name) != numbers
        ]
        known = before.keys() | slots(was.leaving).keys()
        gone = [self._table.deleting(keys.schedule(was.basket_id, name)) for name in known - after.keys()]
        return [*puts, *gone]

    def list(self) -> Sequence[Basket]:
        """Every basket of the platform, newest first."""
        items = self._table.query_all(
            "user_id = :owner AND begins_with(sort_key, :prefix)",
            owner=PLATFORM_OWNER,
            prefix=keys.BASKET_PREFIX,
        )
        now = self._clock()
        baskets = readable(items, partial(of_item, at=now))
        return sorted(baskets, key=lambda basket: basket.created_at, reverse=True)

    def listed(self) -> Sequence[Basket]:
        """Every template on the marketplace, most popular first: one query."""
        items = self._table.query_all(
            "marketplace_category = :all",
            index=keys.MARKETPLACE_DISCOVERY,
            newest_first=True,
            all=keys.MARKETPLACE,
        )
        now = self._clock()
        return readable(items, partial(of_item, at=now))

    def many(self, basket_ids: Iterable[str]) -> Mapping[str, Basket]:
        """Baskets by id, a hundred a call; the missing are absent, and those that cannot be read."""
        items = self._table.get_many(keys.basket(basket_id) for basket_id in dict.fromkeys(basket_ids))
        found = readable(items, partial(of_item, at=self._clock()))
        return {basket.basket_id: basket for basket in found}

    def due(self, slot: str) -> Sequence[Scheduled]:
        """What enters or leaves in a slot: one query."""
        items = self._table.query_all("schedule_slot = :slot", index=keys.SCHEDULE_DISCOVERY, slot=slot)
        return readable(items, _scheduled)


def of_item(item: Item, at: datetime) -> Basket:
    """A basket as it stands at a time: an upcoming version comes in by itself on its first day."""
    return read(Basket, item, "user_id", "marketplace_category").as_of(day_of(at))


def _version(item: Item) -> BasketVersion:
    return read(BasketVersion, item, "user_id", "template_id", "version", basket_id=item["template_id"])


def _scheduled(item: Item) -> Scheduled:
    entered = Due.model_validate(item["entered"]) if "entered" in item else None
    return Scheduled(item["basket_id"], tuple(item["strategies"]), entered)


def _item(basket: Basket) -> Item:
    basket = basket.model_copy(update={"leaving": ()})
    more = {"marketplace_category": keys.MARKETPLACE} if basket.marketplace is not None else {}
    return stored(basket, "BASKET", keys.basket(basket.basket_id), **more)


def _schedule(basket: Basket) -> dict[str, tuple[int, ...]]:
    """Slots of what is live and of what is to come; whether a strategy is due is asked of the basket itself."""
    if basket.marketplace is None:
        return {}
    return {**(slots(basket.upcoming.draft.strategies) if basket.upcoming else {}), **basket.slots()}


def _slot(basket: Basket, name: str, numbers: tuple[int, ...]) -> Item:
    return {
        **keys.schedule(basket.basket_id, name),
        "entity_type": "STRATEGY_SCHEDULE",
        "version": 1,
        "schedule_slot": name,
        "basket_id": basket.basket_id,
        "strategies": list(numbers),
    }
