"""Baskets in the table: the live record, each version for good, and a schedule item for each entry slot."""

from collections.abc import Sequence

from quantleap.adapters import keys
from quantleap.adapters.items import NEW, Write, read, stored
from quantleap.adapters.table import Item, Table, TransactionFailed
from quantleap.domain.basket import Basket, BasketDraft
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.ids import PLATFORM_OWNER

KEYS = ("user_id", "sort_key", "subscriber_count")
"""What a change never sets: the key, and the count, which subscriptions move on their own."""


class TableBaskets:
    """The schedule exists only while a basket is offered, so a withdrawn one is never found due."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, basket: Basket) -> None:
        """Store a new basket and its first version together."""
        self._table.transact([self._table.putting(_item(basket), NEW), self._version(basket)])

    def _version(self, basket: Basket) -> Write:
        draft = BasketDraft(**{name: getattr(basket, name) for name in BasketDraft.model_fields})
        key = keys.basket_version(basket.basket_id, basket.live_version)
        facts = {"template_id": basket.basket_id, "live_version": basket.live_version, "version": 1}
        return self._table.putting(
            stored(draft, "BASKET_VERSION", key, **facts, created_at=basket.updated_at.isoformat()), NEW
        )

    def get(self, basket_id: str) -> Basket:
        """Read one, strongly consistent; raises `NotFound`."""
        item = self._table.get(keys.basket(basket_id))
        if item is None:
            raise NotFound("No such template")
        return of_item(item)

    def save(self, basket: Basket, *, was: Basket) -> None:
        """Store a change with its schedule in one transaction; `Conflict` when it changed meanwhile."""
        try:
            self._table.transact([self._change(basket, was), *self._reschedule(basket, was)])
        except TransactionFailed:
            raise Conflict("The basket changed meanwhile; read it again") from None

    def _change(self, basket: Basket, was: Basket) -> Write:
        item = {name: value for name, value in _item(basket).items() if name not in KEYS}
        gone = [name for name in _item(was) if name not in item and name not in KEYS]
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
        gone = [self._table.deleting(keys.schedule(was.basket_id, name)) for name in before.keys() - after.keys()]
        return [*puts, *gone]

    def list(self) -> Sequence[Basket]:
        """Every basket of the platform, newest first."""
        items = self._table.query_all(
            "user_id = :owner AND begins_with(sort_key, :prefix)",
            owner=PLATFORM_OWNER,
            prefix=keys.BASKET_PREFIX,
        )
        return sorted(map(of_item, items), key=lambda basket: basket.created_at, reverse=True)

    def listed(self) -> Sequence[Basket]:
        """Every template on the marketplace, most popular first: one query."""
        items = self._table.query_all(
            "marketplace_category = :all",
            index=keys.MARKETPLACE_DISCOVERY,
            newest_first=True,
            all=keys.MARKETPLACE,
        )
        return [of_item(item) for item in items]

    def due(self, slot: str) -> Sequence[tuple[str, tuple[int, ...]]]:
        """Template ids and strategy numbers that enter in a slot: one query."""
        items = self._table.query_all("schedule_slot = :slot", index=keys.SCHEDULE_DISCOVERY, slot=slot)
        return [(item["basket_id"], tuple(item["strategies"])) for item in items]


def of_item(item: Item) -> Basket:
    """A basket as the table holds it."""
    return read(Basket, item, "user_id", "marketplace_category")


def _item(basket: Basket) -> Item:
    more = {"marketplace_category": keys.MARKETPLACE} if basket.marketplace is not None else {}
    return stored(basket, "BASKET", keys.basket(basket.basket_id), **more)


def _schedule(basket: Basket) -> dict[str, tuple[int, ...]]:
    return {} if basket.marketplace is None else basket.slots()


def _slot(basket: Basket, name: str, numbers: tuple[int, ...]) -> Item:
    return {
        **keys.schedule(basket.basket_id, name),
        "entity_type": "STRATEGY_SCHEDULE",
        "version": 1,
        "schedule_slot": name,
        "basket_id": basket.basket_id,
        "strategies": list(numbers),
    }
