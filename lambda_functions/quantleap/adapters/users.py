"""People in the table, and the claim of each address in its tenant."""

from collections.abc import Iterable, Mapping
from functools import partial

from quantleap.adapters import keys
from quantleap.adapters.items import NEW, Write, read, readable, stored
from quantleap.adapters.table import Item, Table
from quantleap.domain.account import User
from quantleap.domain.partner import Tenant


class TableUsers:
    """The claim of an address holds the whole user, so an address leads to one in a single read."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, tenant: Tenant, email: str) -> User | None:
        """The user of that address in that tenant."""
        item = self._table.get(keys.user_email(tenant.key, email))
        return None if item is None else of_claim(item)

    def many(self, user_ids: Iterable[str]) -> Mapping[str, User]:
        """Users by id, a hundred a call; the missing are absent."""
        items = self._table.get_many(keys.user(user_id) for user_id in dict.fromkeys(user_ids))
        return {user.user_id: user for user in readable(items, partial(read, User))}


def adding(table: Table, user: User) -> list[Write]:
    """The writes of a new user, for a transaction: the person, then the claim of the address."""
    claim = keys.user_email(user.tenant, user.email)
    return [
        table.putting(stored(user, "USER", keys.user(user.user_id)), NEW),
        table.putting(stored(user, "USER_EMAIL", claim, owner=user.user_id), NEW),
    ]


def of_claim(item: Item) -> User:
    """The user an address is claimed for."""
    return read(User, item, "user_id", "owner", user_id=item["owner"])
