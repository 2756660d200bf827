"""Partner API keys in the table."""

from collections.abc import Sequence

from quantleap.adapters import keys
from quantleap.adapters.items import NEW, read, readable, stored
from quantleap.adapters.table import ConditionFailed, Item, Table
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.partner import PartnerKey


class TablePartnerKeys:
    """One item a key, found by its id."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def add(self, key: PartnerKey) -> None:
        """Store a new key; `Conflict` when its id is taken."""
        try:
            self._table.put(_item(key), NEW)
        except ConditionFailed:
            raise Conflict("There is such an API key already") from None

    def get(self, api_key_id: str) -> PartnerKey:
        """Read one, strongly consistent; raises `NotFound`."""
        item = self._table.get(keys.partner_key(api_key_id))
        if item is None:
            raise NotFound("No such API key")
        return _key(item)

    def save(self, key: PartnerKey) -> None:
        """Store a change, unless somebody else wrote since it was read (`Conflict`)."""
        try:
            self._table.put(_item(key), "version = :was", was=key.version - 1)
        except ConditionFailed:
            raise Conflict("The API key changed meanwhile; read it again") from None

    def list(self) -> Sequence[PartnerKey]:
        """Every key, newest first."""
        items = self._table.query_all(
            "user_id = :partners AND begins_with(sort_key, :prefix)",
            partners=keys.PARTNERS,
            prefix=keys.PARTNER_KEY_PREFIX,
        )
        return sorted(readable(items, _key), key=lambda key: key.created_at, reverse=True)


def _item(key: PartnerKey) -> Item:
    """`valid_until` holds the end of the key: `expires_at` is the table's own clock for deleting items."""
    item = stored(key, "PARTNER_API_KEY", keys.partner_key(key.api_key_id))
    return {("valid_until" if name == "expires_at" else name): value for name, value in item.items()}


def _key(item: Item) -> PartnerKey:
    return read(PartnerKey, item, "user_id", "valid_until", expires_at=item.get("valid_until"))
