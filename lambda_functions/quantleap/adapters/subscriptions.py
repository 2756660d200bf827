"""Subscriptions in the table, with the claims, allocations and counts that change together with them."""

from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from itertools import islice

from quantleap.adapters import baskets, broker_accounts, keys, machine, users
from quantleap.adapters.items import NEW, Write, read, readable, stored
from quantleap.adapters.table import ConditionFailed, Item, Rows, Table, TransactionFailed
from quantleap.domain.errors import AlreadySubscribed, Conflict, InvalidRequest, NotFound
from quantleap.domain.execution import Seat
from quantleap.domain.ids import named_by
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import Found, Page, Whole
from quantleap.domain.subscription import (
    MOVES,
    Action,
    Allocation,
    Status,
    Subscription,
    SubscriptionFilter,
    states_before,
)

MOST_WRITES = 99
"""Of the hundred writes that DynamoDB takes in a transaction, one moves the template's count."""

READERS = 16
"""Shards of a template's subscribers that are read together."""

FOR_INDEXES = ("template_basket_id", "subscription_status_date", "partner_id")


class TableSubscriptions:
    """One claim for each user and template makes a second subscription impossible, however many ask at once."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def find(self, template_id: str, tenant: Tenant, email: str) -> Found:
        """The template and the user a new subscription needs: one call."""
        template, address = keys.basket(template_id), keys.user_email(tenant.key, email)
        found = {item["sort_key"]: item for item in self._table.get_many([template, address])}
        basket, user = found.get(template["sort_key"]), found.get(address["sort_key"])
        return Found(baskets.of_item(basket, machine.now()) if basket else None, users.of_claim(user) if user else None)

    def add(self, subscription: Subscription) -> None:
        """Store it in one transaction.

        Raises `AlreadySubscribed`, or `Conflict` when the template or the account went meanwhile.
        """
        claim = keys.template_claim(subscription.user_id, subscription.template_id)
        accounts = [self._taking_up(subscription, each) for each in subscription.allocations]
        try:
            self._table.transact(
                [
                    self._table.putting(_claim(subscription), NEW),
                    self._count(subscription.template_id, 1, "attribute_exists(marketplace_category)"),
                    *accounts,
                    self._table.putting(_item(subscription), NEW),
                    *(self._table.putting(each) for each in _allocations(subscription)),
                ]
            )
        except TransactionFailed as failure:
            if 0 in failure.failures:
                standing = failure.failures[0] or self._table.get(claim) or {}
                raise AlreadySubscribed(standing["subscription_id"]) from None
            if 1 in failure.failures:
                raise Conflict("The template has left the marketplace", code="template_withdrawn") from None
            raise Conflict("The broker account was disabled", code="broker_account_disabled") from None

    def _taking_up(self, subscription: Subscription, allocation: Allocation) -> Write:
        """An account may be traded only while it is enabled, and remembers that it was taken up."""
        key = keys.broker_account(subscription.user_id, allocation.client_id)
        return self._table.updating(key, "ADD taken_up :one", "account_status = :enabled", enabled="enabled", one=1)

    def _count(self, template_id: str, by: int, condition: str) -> Write:
        return self._table.updating(keys.basket(template_id), "ADD subscriber_count :by", condition, by=by)

    def get(self, subscription_id: str) -> Subscription:
        """Read one, strongly consistent; raises `NotFound`."""
        key = keys.subscription(subscription_id)
        item = None if key is None else self._table.get(key)
        if item is None:
            raise NotFound("No such subscription")
        return _read(item)

    def whole(self, subscription_id: str, client_ids: Iterable[str] = ()) -> Whole:
        """One with its template and accounts of its user, the missing absent: one call; raises `NotFound`."""
        key, named = keys.subscription(subscription_id), named_by(subscription_id)
        if key is None or named is None:
            raise NotFound("No such subscription")
        template = keys.basket(named.template_id)
        accounts = (keys.broker_account(named.user_id, client_id) for client_id in dict.fromkeys(client_ids))
        items = {item["sort_key"]: item for item in self._table.get_many([key, template, *accounts])}
        item, basket = items.pop(key["sort_key"], None), items.pop(template["sort_key"], None)
        if item is None:
            raise NotFound("No such subscription")
        found = map(broker_accounts.of_item, items.values())
        return Whole(
            _read(item),
            baskets.of_item(basket, machine.now()) if basket else None,
            {account.client_id: account for account in found},
        )

    def move(self, subscription_id: str, tenant: Tenant, action: Action, at: datetime) -> Subscription:
        """Pause or resume in one conditional write; raises `NotFound` or `Conflict`."""
        key = keys.subscription(subscription_id)
        if key is None:
            raise NotFound("No such subscription")
        (before,) = states_before(action)
        after = MOVES[before, action]
        sorted_by = keys.status_date(after, at.isoformat())
        try:
            item = self._table.update(
                key,
                "SET #status = :after, changed_at = :at, subscription_status_date = :sorted, version = version + :one",
                "#status = :before AND tenant = :tenant",
                name_status="status",
                before=before,
                after=after,
                at=at.isoformat(),
                sorted=sorted_by,
                tenant=tenant.key,
                one=1,
            )
        except ConditionFailed as failure:
            item = _moved_already(failure.old, tenant, action, sorted_by)
        return _read(item)

    def split(self, changed: Subscription, *, was: Subscription) -> None:
        """Store other allocations in one transaction; `Conflict` when it or an account changed meanwhile."""
        before, after = ({item["sort_key"]: item for item in _allocations(each)} for each in (was, changed))
        gone = [item for name, item in before.items() if name not in after]
        accounts = [self._taking_up(changed, each) for each in changed.allocations if each not in was.allocations]
        try:
            self._table.transact(
                [
                    self._table.putting(_item(changed), "version = :was", was=was.version),
                    *accounts,
                    *(self._table.putting(item) for item in after.values()),
                    *(self._table.deleting({"user_id": i["user_id"], "sort_key": i["sort_key"]}) for i in gone),
                ]
            )
        except TransactionFailed as failure:
            if 0 in failure.failures:
                raise Conflict("The subscription changed meanwhile; read it again") from None
            raise Conflict("The broker account was disabled", code="broker_account_disabled") from None

    def cancel(self, cancelled: Subscription) -> None:
        """Store the end of one, free its template and count down, in one transaction; else `Conflict`."""
        user_id, template_id = cancelled.user_id, cancelled.template_id
        allocations = (keys.allocation(user_id, template_id, a.allocation_id) for a in cancelled.allocations)
        try:
            self._table.transact(
                [
                    self._table.putting(_item(cancelled), "version = :was", was=cancelled.version - 1),
                    self._table.deleting(keys.template_claim(user_id, template_id)),
                    self._count(template_id, -1, "attribute_exists(user_id)"),
                    *map(self._table.deleting, allocations),
                ]
            )
        except TransactionFailed:
            raise Conflict("The subscription changed meanwhile; read it again") from None

    def close(self, template_id: str, at: datetime, most: int) -> int:
        """Cancel subscriptions of a template that was withdrawn, at most so many; returns how many it were.

        As many in one transaction as it holds, with one count for all of them. Where somebody moved one of them
        meanwhile, they are taken one by one, and that one is left to its own.
        """
        followers = (item for shard in self._shards(template_id) for item in self._followers(shard))
        return sum(self._close(template_id, chunk, at) for chunk in _closable(islice(followers, most)))

    def _close(self, template_id: str, items: Sequence[Item], at: datetime) -> int:
        writes = [write for item in items for write in self._ending(template_id, item, at)]
        try:
            self._table.transact([*writes, self._count(template_id, -len(items), "attribute_exists(user_id)")])
        except TransactionFailed:
            return sum(self._close(template_id, [item], at) for item in items) if len(items) > 1 else 0
        return len(items)

    def _ending(self, template_id: str, item: Item, at: datetime) -> Iterator[Write]:
        user_id = item["user_id"]
        yield self._table.updating(
            {"user_id": user_id, "sort_key": item["sort_key"]},
            "SET #status = :cancelled, changed_at = :at, subscription_status_date = :sorted, version = version + :one"
            " REMOVE template_basket_id",
            "attribute_exists(template_basket_id) AND allocations = :allocations",
            name_status="status",
            cancelled=Status.CANCELLED,
            at=at.isoformat(),
            sorted=keys.status_date(Status.CANCELLED, at.isoformat()),
            allocations=item["allocations"],
            one=1,
        )
        yield self._table.deleting(keys.template_claim(user_id, template_id))
        for each in item["allocations"]:
            yield self._table.deleting(keys.allocation(user_id, template_id, each["allocation_id"]))

    def of_partner(self, tenant: Tenant, wanted: SubscriptionFilter) -> Page[Subscription]:
        """A tenant's subscriptions, newest of each status first: one query a page.

        With `template_id` pages are read until enough of the template's were found.
        """
        found: list[Item] = []
        start = _start(tenant, wanted)
        while len(found) < wanted.limit:
            page = self._page(tenant, wanted, start)
            found += [item for item in page.items if wanted.template_id in {None, item["template_id"]}]
            start = page.next_key
            if start is None:
                break
        shown = found[: wanted.limit]
        more = start is not None or len(found) > len(shown)
        return Page(readable(shown, _read), _token(shown[-1]) if more and shown else None)

    def _page(self, tenant: Tenant, wanted: SubscriptionFilter, start: Item | None) -> Rows:
        condition, values = _of_status(wanted.status)
        return self._table.query(
            f"tenant = :tenant{condition}",
            index=keys.PARTNER_SUBSCRIPTIONS,
            newest_first=True,
            limit=wanted.limit,
            start=start,
            tenant=tenant.key,
            **values,
        )

    def of_user(self, user_id: str, status: Status | None) -> Sequence[Subscription]:
        """A user's subscriptions: one query."""
        condition, values = _of_status(status)
        items = self._table.query_all(
            f"user_id = :user{condition}",
            index=keys.USER_SUBSCRIPTIONS,
            newest_first=True,
            user=user_id,
            **values,
        )
        return readable(items, _read)

    def seats(self, template_id: str) -> Sequence[Seat]:
        """Who may be executed for, active and paused: the template, and one query a shard of the index."""
        with ThreadPoolExecutor(READERS) as readers:
            found = readers.map(self._followers, self._shards(template_id))
            return readable((item for items in found for item in items), _seat)

    def _shards(self, template_id: str) -> list[str]:
        """Partitions of the index, as many as the template has at this moment, strongly consistent."""
        template = self._table.get(keys.basket(template_id)) or {}
        return [keys.subscribers(template_id, number) for number in range(template.get("subscriber_shards", 1))]

    def _followers(self, shard: str) -> list[Item]:
        return self._table.query_all("template_basket_id = :shard", index=keys.TEMPLATE_SUBSCRIBERS, shard=shard)

    def statuses(self, names: Iterable[tuple[str, str]]) -> Mapping[str, str]:
        """Current status by subscription id, strongly consistent, for (user, subscription) pairs."""
        wanted = (keys.subscription(subscription_id) for _, subscription_id in names)
        items = self._table.get_many(key for key in wanted if key is not None)
        return dict(readable(items, lambda item: (item["subscription_id"], item["status"])))


def _closable(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Subscriptions that end in one transaction: each is an update, a claim and its allocations to delete."""
    chunk: list[Item] = []
    room = MOST_WRITES
    for item in items:
        needed = 2 + len(item["allocations"])
        if chunk and needed > room:
            yield chunk
            chunk, room = [], MOST_WRITES
        chunk.append(item)
        room -= needed
    if chunk:
        yield chunk


def _item(subscription: Subscription) -> Item:
    """A cancelled one leaves the index of a template's subscribers."""
    key = keys.subscription(subscription.subscription_id)
    if key is None:
        raise ValueError(f"{subscription.subscription_id} is no subscription id")
    status_date = keys.status_date(subscription.status, subscription.changed_at.isoformat())
    partner_id = subscription.attribution.partner_id
    item = stored(subscription, "MARKETPLACE_SUBSCRIPTION", key)
    item |= {"subscription_status_date": status_date, "partner_id": partner_id}
    if subscription.status is not Status.CANCELLED:
        item["template_basket_id"] = keys.subscribers(subscription.template_id, subscription.index_shard)
    return item


def _moved_already(old: Item | None, tenant: Tenant, action: Action, sorted_by: str) -> Item:
    """The item, where this very move stands in it: the SDK repeats a write whose answer was lost."""
    if old is None or old["tenant"] != tenant.key:
        raise NotFound("No such subscription")
    if old["subscription_status_date"] != sorted_by:
        raise Conflict(f"Cannot {action} a subscription that is {old['status']}", code="invalid_state")
    return old


def _read(item: Item) -> Subscription:
    return read(Subscription, item, *FOR_INDEXES)


def _claim(subscription: Subscription) -> Item:
    return {
        **keys.template_claim(subscription.user_id, subscription.template_id),
        "entity_type": "TEMPLATE_CLAIM",
        "version": 1,
        "subscription_id": subscription.subscription_id,
    }


def _allocations(subscription: Subscription) -> Iterator[Item]:
    for each in subscription.allocations:
        key = keys.allocation(subscription.user_id, subscription.template_id, each.allocation_id)
        facts = {"basket_id": subscription.template_id, "subscription_id": subscription.subscription_id}
        yield stored(each, "BROKER_ALLOCATION", key, **facts, version=1)


def _seat(item: Item) -> Seat:
    return Seat(
        subscription_id=item["subscription_id"],
        user_id=item["user_id"],
        tenant=item["tenant"],
        status=item["status"],
        allocations=tuple(Allocation.model_validate(each) for each in item["allocations"]),
    )


def _prefix(status: Status | None) -> str:
    return "" if status is None else keys.status_date(status, "")


def _of_status(status: Status | None) -> tuple[str, dict[str, str]]:
    """The further condition of a query for one status, and its value; nothing for all of them."""
    if status is None:
        return "", {}
    return " AND begins_with(subscription_status_date, :status)", {"status": _prefix(status)}


def _token(item: Item) -> str:
    """Where the next page begins, in letters that an address takes as they are."""
    place = f"{item['subscription_status_date']}~{item['subscription_id']}"
    return urlsafe_b64encode(place.encode()).decode().rstrip("=")


def _read_token(token: str) -> tuple[str, str]:
    """Status and date, and the id; two empty texts where it is no token of ours."""
    try:
        place = b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except ValueError:
        place = ""
    status_date, _, subscription_id = place.partition("~")
    return status_date, subscription_id


def _start(tenant: Tenant, wanted: SubscriptionFilter) -> Item | None:
    """Where a page begins; whatever a token says, it stays inside the tenant and the status asked for."""
    if wanted.next_token is None:
        return None
    status_date, subscription_id = _read_token(wanted.next_token)
    key = keys.subscription(subscription_id)
    if key is None or not status_date.startswith(_prefix(wanted.status)):
        raise InvalidRequest({"next_token": "Send back the next_token of an earlier answer"})
    return {"tenant": tenant.key, "subscription_status_date": status_date, **key}
