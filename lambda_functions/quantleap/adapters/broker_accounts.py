"""Users' broker accounts in the table, and the claim of each client id in its tenant."""

from collections.abc import Iterable, Mapping, Sequence

from quantleap.adapters import keys, outbox, users
from quantleap.adapters.items import NEW, read, readable, stored
from quantleap.adapters.table import Item, Table, TransactionFailed
from quantleap.domain.account import BrokerAccount, User
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.events import Happening
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import Known, Page

OPTIONAL = ("token_expires_at", "last_oauth_login")
"""What a change takes away when the account no longer has it."""


class TableBrokerAccounts:
    """A tenant's client id belongs to one user, by a claim written together with the account."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def known(self, tenant: Tenant, email: str, client_id: str) -> Known:
        """The user of an address, and the id of the user who has the client id: one call."""
        address, client = keys.user_email(tenant.key, email), keys.broker_client(tenant.key, client_id)
        found = {item["sort_key"]: item for item in self._table.get_many([address, client])}
        user, claim = found.get(address["sort_key"]), found.get(client["sort_key"])
        return Known(users.of_claim(user) if user else None, claim["owner"] if claim else None)

    def known_user(self, tenant: Tenant, user_id: str, client_id: str) -> Known:
        """The user of an id, and the id of the user who has the client id: one call."""
        person, client = keys.user(user_id), keys.broker_client(tenant.key, client_id)
        found = {item["sort_key"]: item for item in self._table.get_many([person, client])}
        user, claim = found.get(person["sort_key"]), found.get(client["sort_key"])
        return Known(read(User, user) if user else None, claim["owner"] if claim else None)

    def add(self, account: BrokerAccount, user: User, *, new_user: bool) -> None:
        """Store an account (and its user when new); `Conflict` when address or client id is taken."""
        claim = {
            **keys.broker_client(account.tenant, account.client_id),
            "entity_type": "BROKER_CLIENT",
            "owner": account.user_id,
            "version": 1,
        }
        writes = [self._table.putting(_item(account), NEW), self._table.putting(claim, NEW)]
        try:
            self._table.transact([*writes, *(users.adding(self._table, user) if new_user else ())])
        except TransactionFailed:
            raise Conflict("The user or the client id was added meanwhile; send the request again") from None

    def get(self, user_id: str, client_id: str) -> BrokerAccount:
        """Read one, strongly consistent; raises `NotFound`."""
        item = self._table.get(keys.broker_account(user_id, client_id))
        if item is None:
            raise NotFound("No such broker account")
        return of_item(item)

    def save(self, account: BrokerAccount, told: Sequence[Happening] = ()) -> None:
        """Store a change with what is told of it, unless somebody else wrote meanwhile (`Conflict`).

        How often the account was taken up stays.
        """
        item = {name: value for name, value in _item(account).items() if name not in {"user_id", "sort_key"}}
        gone = [name for name in OPTIONAL if name not in item]
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in item)
        expression += " REMOVE " + ", ".join(f"#{name}" for name in gone) if gone else ""
        names = {f"name_{name}": name for name in (*item, *gone)}
        key = keys.broker_account(account.user_id, account.client_id)
        change = self._table.updating(key, expression, "version = :was", was=account.version - 1, **item, **names)
        try:
            self._table.transact([change, *(self._table.putting(outbox.item(each)) for each in told)])
        except TransactionFailed:
            raise Conflict("The broker account changed meanwhile; send the request again") from None

    def remove(self, account: BrokerAccount) -> None:
        """Delete an account as it was read and free its client id; `Conflict` while a subscription trades it.

        Each subscription that takes an account up counts in it (`taken_up`), so one that comes between the look at
        the allocations and the deletion makes the deletion fail.
        """
        key = keys.broker_account(account.user_id, account.client_id)
        item = self._table.get(key)
        if item is None:
            raise NotFound("No such broker account")
        self.refuse_in_use(account)
        same = (
            "taken_up = :seen" if "taken_up" in item else "attribute_exists(user_id) AND attribute_not_exists(taken_up)"
        )
        seen = {"was": account.version, **({"seen": item["taken_up"]} if "taken_up" in item else {})}
        claim = keys.broker_client(account.tenant, account.client_id)
        try:
            self._table.transact(
                [self._table.deleting(key, f"{same} AND version = :was", **seen), self._table.deleting(claim)]
            )
        except TransactionFailed:
            raise Conflict("The broker account changed meanwhile; send the request again") from None

    def refuse_in_use(self, account: BrokerAccount) -> None:
        """Raise the `Conflict` that `remove` would raise for a subscription that trades it: one query."""
        allocations = self._table.query_all(
            "user_id = :user AND begins_with(sort_key, :prefix)", user=account.user_id, prefix=keys.ALLOCATION_PREFIX
        )
        if any(each["client_id"] == account.client_id for each in allocations):
            raise Conflict("A subscription trades this account; move or cancel it first", code="broker_account_in_use")

    def owner(self, tenant: Tenant, client_id: str) -> str:
        """The user a client id of this tenant belongs to; raises `NotFound`."""
        item = self._table.get(keys.broker_client(tenant.key, client_id))
        if item is None:
            raise NotFound("No such broker account")
        owner: str = item["owner"]
        return owner

    def of_user(self, user_id: str) -> Sequence[BrokerAccount]:
        """All of a user's accounts that can be read."""
        items = self._table.query_all(
            "user_id = :user AND begins_with(sort_key, :prefix)", user=user_id, prefix=keys.ACCOUNT_PREFIX
        )
        return readable(items, of_item)

    def of_tenant(self, tenant: Tenant, limit: int, token: str | None) -> Page[BrokerAccount]:
        """A tenant's accounts by client id; the token is the last client id shown."""
        claims = self._table.query(
            "user_id = :tenant AND begins_with(sort_key, :prefix)",
            limit=limit,
            start=dict(keys.broker_client(tenant.key, token)) if token else None,
            tenant=keys.tenant(tenant.key),
            prefix=keys.CLIENT_PREFIX,
        )
        names = [(item["owner"], item["sort_key"].removeprefix(keys.CLIENT_PREFIX)) for item in claims.items]
        found = self.many(names)
        accounts = [found[name] for name in names if name in found]
        return Page(accounts, names[-1][1] if claims.next_key and names else None)

    def many(self, names: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], BrokerAccount]:
        """Accounts by (user, client id), a hundred a call; the missing are absent, and those that cannot be read."""
        items = self._table.get_many(keys.broker_account(*name) for name in dict.fromkeys(names))
        return {(account.user_id, account.client_id): account for account in readable(items, of_item)}


def of_item(item: Item) -> BrokerAccount:
    """An account as stored."""
    return read(BrokerAccount, item, "taken_up")


def _item(account: BrokerAccount) -> Item:
    return stored(account, "BROKER_ACCOUNT", keys.broker_account(account.user_id, account.client_id))
