"""Request counters in the table: one item for a key and day, which is its bucket, its quota and its usage."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from quantleap.adapters import keys
from quantleap.adapters.items import NEW
from quantleap.adapters.table import ConditionFailed, Item, Table
from quantleap.domain import rate
from quantleap.domain.errors import Unavailable
from quantleap.domain.partner import RateLimits
from quantleap.domain.rate import Bucket, Counted, DayUsage

USAGE_KEPT = timedelta(days=400)
"""After this the table may forget a day's usage."""

TRIES = 8
"""A try fails only when others moved the bucket between idle and busy meanwhile."""

BUSY = "full_at BETWEEN :now AND :latest"
IDLE = "full_at < :now"


class TableRateBuckets:
    """An allowed request is one conditional write.

    An update has no maximum of two values, so it needs to know whether the bucket is idle or busy. The process
    remembers how it last saw it: a bucket only ever fills, so what is remembered as busy is busy, and what is
    remembered as over the limit is refused without asking the table. A wrong guess costs one more write, and the
    failed condition brings the truth with it.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._seen: dict[str, tuple[date, Bucket]] = {}

    def count(self, api_key_id: str, limits: RateLimits, route: str, at: datetime) -> Counted:
        """Count a request unless it is over a limit; raises `Unavailable` when the table does not answer."""
        try:
            return self._count(api_key_id, limits, route, at)
        except (ClientError, BotoCoreError):
            raise Unavailable("Requests cannot be counted at this moment", code="rate_counter_unavailable") from None

    def _count(self, api_key_id: str, limits: RateLimits, route: str, at: datetime) -> Counted:
        day = rate.day_of(at)
        bucket = self._remembered(api_key_id, day)
        for _ in range(TRIES):
            refusal = rate.refusal(bucket, limits, at)
            if refusal is not None:
                return Counted(rate.standing(bucket, limits, at), refusal)
            try:
                bucket = _bucket(self._add_one(api_key_id, bucket, limits, route, at))
            except ConditionFailed as failure:
                bucket = _bucket(failure.old) if failure.old else self._begin(api_key_id, day, at)
            else:
                self._remember(api_key_id, day, bucket)
                return Counted(rate.standing(bucket, limits, at))
        raise Unavailable("Too many requests at this moment", code="rate_counter_unavailable")

    def _remembered(self, api_key_id: str, day: date) -> Bucket:
        seen, bucket = self._seen.get(api_key_id, (day, Bucket()))
        return bucket if seen == day else Bucket(bucket.full_at)

    def _remember(self, api_key_id: str, day: date, bucket: Bucket) -> None:
        self._seen[api_key_id] = day, max(bucket, self._remembered(api_key_id, day))

    def _add_one(self, api_key_id: str, known: Bucket, limits: RateLimits, route: str, at: datetime) -> Item:
        busy = known.full_at >= rate.micros(at)
        step = rate.interval(limits)
        more = {"latest": rate.latest(limits, at), "step": step} if busy else {"full": rate.micros(at) + step}
        return self._table.update(
            keys.rate_bucket(api_key_id, rate.day_of(at)),
            f"SET full_at = {'full_at + :step' if busy else ':full'}, last_used_at = :at ADD used :one, #route :one",
            f"{BUSY if busy else IDLE} AND used < :quota",
            name_route=route,
            now=rate.micros(at),
            quota=limits.requests_per_day,
            at=at.isoformat(),
            one=1,
            **more,
        )

    def _begin(self, api_key_id: str, day: date, at: datetime) -> Bucket:
        """Start a day's item with the bucket as yesterday left it, and note on the key that it is in use."""
        yesterday = self._table.get(keys.rate_bucket(api_key_id, day - timedelta(days=1)))
        bucket = Bucket(yesterday["full_at"] if yesterday else 0)
        with suppress(ConditionFailed):
            self._table.put(_new_day(api_key_id, day, bucket, at), NEW)
            used_on = {"day": day.isoformat()}
            self._table.update(
                keys.partner_key(api_key_id), "SET last_used_on = :day", "attribute_exists(user_id)", **used_on
            )
        return bucket

    def usage(self, api_key_id: str, first: date, last: date) -> Sequence[DayUsage]:
        """What was counted on the days from first to last, newest first: one query."""
        items = self._table.query_all(
            "user_id = :counter AND sort_key BETWEEN :first AND :last",
            newest_first=True,
            counter=keys.rate_bucket(api_key_id, first)["user_id"],
            first=keys.rate_bucket(api_key_id, first)["sort_key"],
            last=keys.rate_bucket(api_key_id, last)["sort_key"],
        )
        return [_usage(item) for item in items]


def _new_day(api_key_id: str, day: date, bucket: Bucket, at: datetime) -> Item:
    return {
        **keys.rate_bucket(api_key_id, day),
        "entity_type": "RATE_BUCKET",
        "version": 1,
        "day": day.isoformat(),
        "full_at": bucket.full_at,
        "used": 0,
        "last_used_at": at.isoformat(),
        "expires_at": int((at + USAGE_KEPT).timestamp()),
    }


def _bucket(item: Item) -> Bucket:
    return Bucket(item["full_at"], item["used"])


def _usage(item: Item) -> DayUsage:
    """Counts by route are attributes named by the route, the only names with a space in them."""
    return DayUsage(
        day=date.fromisoformat(item["day"]),
        requests=item["used"],
        routes={name: count for name, count in sorted(item.items()) if " " in name},
        last_used_at=datetime.fromisoformat(item["last_used_at"]),
    )
