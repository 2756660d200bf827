"""Runs in the table: plans and decisions adopted once, leases, tickets, reports."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial

from quantleap.adapters import keys, outbox
from quantleap.adapters.items import readable
from quantleap.adapters.table import ConditionFailed, Item, Table, TransactionFailed, plain
from quantleap.domain.errors import Conflict, NotFound
from quantleap.domain.events import Happening
from quantleap.domain.execution import Decision, Due, Holder, Lease, Plan, Report, Share, Ticket, Tickets
from quantleap.domain.model import Model
from quantleap.domain.partner import Tenant
from quantleap.domain.ports import Page

NEW = "attribute_not_exists(user_id)"
NOTE_LIFE = timedelta(days=2)
"""A line of the schedule and a note of who trades are passed over after their day; the table forgets them by itself."""

MOMENT = timedelta(microseconds=1)
"""The least that a lease can have ended before now."""

WRITERS = 16
"""Threads that write a shard's tickets: 250 writes in well under a second."""


class TableRuns:
    """Every write that matters is conditional, so whoever comes second learns what the first decided."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def adopt_plan(self, plan: Plan) -> Plan:
        """Store the plan, or return the one already stored for the run."""
        item = _item("RUN", keys.run(plan.due.run_id), body=plan.model_dump(mode="json"))
        try:
            self._table.put(item, NEW)
        except ConditionFailed as failure:
            plan = _plan(failure.old)
        self._table.put(_item("DAY_RUN", keys.day_run(plan.due.boundary, plan.due.run_id), body=_due(plan.due)))
        for tenant, shards in plan.tenants.items():
            self._table.put(
                _item(
                    "TENANT_RUN",
                    keys.tenant_run(tenant, plan.due.run_id),
                    body={**plan.model_dump(mode="json"), "tenants": {tenant: list(shards)}},
                )
            )
        return plan

    def plan(self, run_id: str) -> Plan:
        """The plan of a run; raises `NotFound`."""
        item = self._table.get(keys.run(run_id))
        if item is None:
            message = "No such execution"
            raise NotFound(message)
        return _plan(item)

    def of_day(self, moment: datetime) -> Sequence[Due]:
        """Every run whose boundary lies on that moment's day in India: one query."""
        rows = self._table.query_all("user_id = :day", day=keys.day(moment))
        return readable(rows, partial(_body, Due))

    def schedule_exits(self, entered: Due, exits: Mapping[str, tuple[int, ...]]) -> None:
        """Note in which slots of its day the strategies of an entry run leave; the note ends with the day after."""
        for slot, numbers in exits.items():
            item = {
                **keys.run_exit(entered.run_id, slot),
                "entity_type": "RUN_EXIT",
                "version": 1,
                "schedule_slot": slot,
                "basket_id": entered.template_id,
                "strategies": list(numbers),
                "entered": _due(entered),
                "expires_at": int((entered.boundary + NOTE_LIFE).timestamp()),
            }
            self._table.put(item)

    def claim_exit(self, ticket: Ticket, exit_run: str) -> Sequence[str]:
        """Note that a run closes an entry ticket; returns the runs that came before it, oldest first."""
        key = keys.ticket_exits(ticket.run_id, ticket.shard, ticket.tenant, ticket.name)
        try:
            item = self._table.update(
                key,
                "SET entity_type = :kind, version = if_not_exists(version, :zero) + :one, "
                "runs = list_append(if_not_exists(runs, :none), :run)",
                "attribute_not_exists(user_id) OR NOT contains(runs, :id)",
                kind="TICKET_EXITS",
                zero=0,
                one=1,
                none=[],
                run=[exit_run],
                id=exit_run,
            )
        except ConditionFailed as failure:
            item = failure.old or {}
        runs: list[str] = item["runs"]
        return runs[: runs.index(exit_run)]

    def ticket(self, run_id: str, shard: int, tenant: str, name: str) -> Ticket | None:
        """One ticket as stored."""
        item = self._table.get(keys.ticket(run_id, shard, tenant, name))
        return None if item is None else _body(Ticket, item)

    def adopt_decision(self, decision: Decision) -> Decision:
        """Store the decision, or return the one already stored for the run."""
        body = decision.model_dump(mode="json")
        try:
            self._table.put(_item("RUN_DECISION", keys.run_decision(decision.run_id), body=body), NEW)
        except ConditionFailed as failure:
            return _body(Decision, failure.old)
        return decision

    def decided(self, run_id: str) -> Decision | None:
        """What was decided for a run, if it was."""
        item = self._table.get(keys.run_decision(run_id))
        return None if item is None else _body(Decision, item)

    def adopt_unwind(self, run_id: str, due: Due) -> Due:
        """Store the exit that closes at once what a run left, or return the one already stored."""
        try:
            self._table.put(_item("RUN_UNWIND", keys.run_unwind(run_id), body=_due(due)), NEW)
        except ConditionFailed as failure:
            return _body(Due, failure.old)
        return due

    def take_lease(self, run_id: str, shard: int, holder: str, attempt: int, now: datetime, ends: datetime) -> Lease:
        """Become the shard's worker; raises `Conflict` while another may still be alive.

        A later attempt of the same holder takes over at once: the state machine starts it only after the earlier
        one ended. Anybody else waits until the lease ends, which is when its holder's process has to be gone.
        """
        try:
            item = self._table.update(
                keys.lease(run_id, shard),
                "SET entity_type = :kind, holder = :holder, attempt = :attempt, ends = :ends, "
                "version = if_not_exists(version, :zero) + :one",
                "attribute_not_exists(user_id) OR (holder = :holder AND attempt < :attempt) OR ends < :now",
                kind="SHARD_LEASE",
                holder=holder,
                attempt=attempt,
                ends=ends.isoformat(),
                now=now.isoformat(),
                zero=0,
                one=1,
            )
        except ConditionFailed as failure:
            item = failure.old or {}
            if (item["holder"], item["attempt"], item["ends"]) != (holder, attempt, ends.isoformat()):
                message = "another worker serves this shard"
                raise Conflict(message, code="shard_busy") from None
            # Our own write: the SDK repeats one whose answer was lost, and no two workers end at one microsecond.
        armed = item.get("armed_until")
        return Lease(item["version"], datetime.fromisoformat(armed) if armed else None)

    def holders(self, run_id: str, shards: Iterable[int]) -> Mapping[int, Holder]:
        """Who took which of the shards of a run last."""
        places = {keys.shard(run_id, number): number for number in shards}
        items = self._table.get_many(keys.lease(run_id, number) for number in places.values())
        return {places[place]: holder for place, holder in readable(items, _holder)}

    def give_up(self, run_id: str, shard: int, holder: str, now: datetime) -> datetime | None:
        """End the lease of a shard that this holder or nobody serves, so that whoever comes may take it at once.

        What may be left of a worker can arm it no more. Where another holds it, returns when that one's process will
        be gone.
        """
        try:
            self._table.update(
                keys.lease(run_id, shard),
                "SET entity_type = :kind, holder = :holder, attempt = if_not_exists(attempt, :zero), ends = :past, "
                "version = if_not_exists(version, :zero) + :one",
                "attribute_not_exists(user_id) OR holder = :holder OR ends < :now",
                kind="SHARD_LEASE",
                holder=holder,
                past=(now - MOMENT).isoformat(),
                now=now.isoformat(),
                zero=0,
                one=1,
            )
        except ConditionFailed as failure:
            return datetime.fromisoformat((failure.old or {})["ends"])
        return None

    def arm(self, run_id: str, shard: int, token: int, until: datetime) -> None:
        """Allow this holder to send until then, at least; raises `Conflict` when somebody took the lease over.

        The time only grows: a write that hung and arrives after a later one must not take that one's time away, for a
        successor trusts it. One that is repeated finds what it wrote itself.
        """
        try:
            self._table.update(
                keys.lease(run_id, shard),
                "SET armed_until = :until",
                "version = :token AND (attribute_not_exists(armed_until) OR armed_until < :until)",
                until=until.isoformat(),
                token=token,
            )
        except ConditionFailed as failure:
            if failure.old is None or failure.old["version"] != token:
                message = "another worker took this shard over"
                raise Conflict(message, code="fenced") from None

    def adopt_ticket(self, ticket: Ticket) -> Ticket:
        """Store a ticket, or return the one already stored."""
        try:
            self._table.put(_ticket_item(ticket), NEW)
        except ConditionFailed as failure:
            return _stored(failure)
        return ticket

    def write_tickets(self, tickets: Sequence[Ticket]) -> Sequence[Ticket]:
        """Store tickets that are not there yet and take the unsettled over; returns all as stored.

        Raises `Conflict` when a successor took one.
        """
        with ThreadPoolExecutor(WRITERS) as pool:
            return list(pool.map(self._write_ticket, tickets))

    def _write_ticket(self, ticket: Ticket) -> Ticket:
        try:
            self._table.put(_ticket_item(ticket), NEW)
        except ConditionFailed as failure:
            return self._take_over(_stored(failure), ticket.lease)
        return ticket

    def _take_over(self, stored: Ticket, lease: int) -> Ticket:
        """A ticket that is settled stays so; of any other, the earlier worker's outcome counts no more."""
        if stored.settled:
            return stored
        mine = stored.served_under(lease)
        try:
            self._table.put(_ticket_item(mine), "body.settled = :no AND body.lease <= :lease", no=False, lease=lease)
        except ConditionFailed as failure:
            stored = _stored(failure)
            if not stored.settled:
                raise Conflict("another worker serves this ticket", code="fenced") from None
            return stored
        return mine

    def join(self, tickets: Iterable[Ticket], boundary: datetime) -> None:
        """Note that tickets trade at their accounts at a boundary; noting one twice is once."""
        with ThreadPoolExecutor(WRITERS) as pool:
            list(pool.map(partial(self._join, boundary=boundary), tickets))

    def _join(self, ticket: Ticket, boundary: datetime) -> None:
        self._table.update(
            keys.pace(str(ticket.venue), ticket.client_id, boundary),
            "SET entity_type = :kind, version = :one, expires_at = :until ADD tickets :this",
            kind="ACCOUNT_PACE",
            one=1,
            until=int((boundary + NOTE_LIFE).timestamp()),
            this={_in_all(ticket)},
        )

    def shares(self, tickets: Iterable[Ticket], boundary: datetime) -> Mapping[str, Share]:
        """By a ticket's name, its place among all noted for its account and boundary, if it was: a read a hundred."""
        wanted = list(tickets)
        accounts = dict.fromkeys((str(ticket.venue), ticket.client_id) for ticket in wanted)
        items = self._table.get_many(keys.pace(*account, boundary) for account in accounts)
        orders = readable(items, lambda item: sorted(item["tickets"]))
        shares = {name: Share(place, len(order)) for order in orders for place, name in enumerate(order)}
        return {ticket.name: shares[_in_all(ticket)] for ticket in wanted if _in_all(ticket) in shares}

    def settle(self, ticket: Ticket, told: Sequence[Happening] = ()) -> None:
        """Store what became of a ticket together with what is told of it.

        Raises `Conflict` when a successor serves it or settled it.
        """
        try:
            self._store_settled(ticket, told)
        except (ConditionFailed, TransactionFailed) as failure:
            old = failure.old if isinstance(failure, ConditionFailed) else failure.failures[0]
            if _body(Ticket, old) != ticket:  # the SDK repeats a write whose answer was lost
                raise Conflict("another worker serves this ticket", code="fenced") from None

    def _store_settled(self, ticket: Ticket, told: Sequence[Happening]) -> None:
        """A ticket that nothing is told of is a plain write, at half a transaction's price."""
        item, held = _ticket_item(ticket), "body.settled = :no AND body.lease = :lease"
        if not told:
            self._table.put(item, held, no=False, lease=ticket.lease)
            return
        write = self._table.putting(item, held, no=False, lease=ticket.lease)
        self._table.transact([write, *(self._table.putting(outbox.item(each)) for each in told)])

    def learn(self, ticket: Ticket) -> None:
        """Store what is known of a settled ticket since; nothing where somebody took it over meanwhile."""
        with suppress(ConditionFailed):
            held = "body.settled = :yes AND body.lease = :lease"
            self._table.put(_ticket_item(ticket), held, yes=True, lease=ticket.lease)

    def tickets(self, run_id: str, shard: int, tenant: str | None) -> Tickets:
        """A shard's tickets, all or one tenant's, and how many more there are that cannot be read: one query."""
        rows = self._table.query_all(
            "user_id = :shard AND begins_with(sort_key, :prefix)",
            shard=keys.shard(run_id, shard),
            prefix=keys.TICKET_PREFIX + (f"{tenant}#" if tenant else ""),
        )
        found = readable(rows, partial(_body, Ticket))
        return Tickets(found, unreadable=len(rows) - len(found))

    def report(self, run_id: str, shard: int, report: Report) -> None:
        """Store a shard's report."""
        body = report.model_dump(mode="json")
        self._table.put({**_item("SHARD_REPORT", keys.shard_report(run_id, shard), body=body), "shard": shard})

    def reports(self, plan: Plan) -> Mapping[int, Report]:
        """The reports of a run's shards, those that have one, by the shard's number."""
        items = self._reports(plan.due.run_id, plan.served)
        return dict(readable(items, lambda item: (item["shard"], _body(Report, item))))

    def reported(self, run_id: str, shards: Iterable[int]) -> set[int]:
        """Which of the shards of a run told what they did."""
        return {item["shard"] for item in self._reports(run_id, shards)}

    def _reports(self, run_id: str, shards: Iterable[int]) -> list[Item]:
        return self._table.get_many(keys.shard_report(run_id, number) for number in shards)

    def close(self, run_id: str, report: Report, told: Sequence[Happening] = ()) -> None:
        """Tell of a run's end, then store its report: whoever finds no report closes it again, to the same effect."""
        for each in told:
            with suppress(ConditionFailed):
                self._table.put(outbox.item(each), NEW)
        body = report.model_dump(mode="json")
        self._table.put(_item("RUN_REPORT", keys.run_report(run_id), body=body))

    def closing(self, run_id: str) -> Report | None:
        """The run's report once it is closed."""
        item = self._table.get(keys.run_report(run_id))
        return None if item is None else Report.model_validate(item["body"])

    def of_tenant(self, tenant: Tenant, limit: int, token: str | None) -> Page[Plan]:
        """A tenant's runs, newest boundary first; the token is the last run's id."""
        partition = keys.tenant(tenant.key)
        page = self._table.query(
            "user_id = :tenant AND begins_with(sort_key, :prefix)",
            newest_first=True,
            limit=limit,
            start=dict(keys.tenant_run(tenant.key, token)) if token else None,
            tenant=partition,
            prefix=keys.RUN_PREFIX,
        )
        plans = readable(page.items, _plan)
        return Page(plans, plans[-1].due.run_id if page.next_key and plans else None)


def _in_all(ticket: Ticket) -> str:
    """A name unique over all runs."""
    return f"{ticket.run_id}/{ticket.name}"


def _item(kind: str, key: keys.Key, *, body: object) -> Item:
    return {**key, "entity_type": kind, "version": 1, "body": body}


def _stored(failure: ConditionFailed) -> Ticket:
    return _body(Ticket, failure.old)


def _body[M: Model](model: type[M], item: Item | None) -> M:
    return model.model_validate((item or {})["body"])


def _ticket_item(ticket: Ticket) -> Item:
    key = keys.ticket(ticket.run_id, ticket.shard, ticket.tenant, ticket.name)
    found = keys.executed(ticket.user_id, ticket.run_id, ticket.name)
    return {**_item("RUN_TICKET", key, body=ticket.model_dump(mode="json")), **found}


def _holder(item: Item) -> tuple[str, Holder]:
    return item["user_id"], Holder(item["holder"], datetime.fromisoformat(item["ends"]))


def _due(due: Due) -> Item:
    return due.model_dump(mode="json")


def _plan(item: Item | None) -> Plan:
    return Plan.model_validate(plain(item or {})["body"])
