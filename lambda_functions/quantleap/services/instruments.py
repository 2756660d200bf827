"""Each broker's list of contracts, every morning: fetched, examined, kept, and stood in for when it is bad."""

import logging
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from enum import StrEnum

from quantleap.domain.account import Session
from quantleap.domain.broker import Broker, BrokerFailure, SessionExpired
from quantleap.domain.clock import Clock
from quantleap.domain.errors import Unavailable
from quantleap.domain.instruments import Finding, Flaw, Listed, Master, doubts, flaw_of, living, stand_in
from quantleap.domain.ports import Http, MasterStore
from quantleap.domain.sessions import Calendar
from quantleap.services.lending import Loan

log = logging.getLogger(__name__)

PATIENT_S = 30.0
HURRIED_S = 5.0
"""What a broker has to answer in the minute before a boundary: one that hangs must not cost the others theirs."""

GIVEN_UP_FOR = timedelta(minutes=1)
"""For so long after a failure a process does not ask again."""

LOOK_BACK = 5
"""Trading days among which the list to compare a new one with is looked for."""

type Tell = Callable[[Finding], None]

type Lend = Callable[[Broker], Iterable[Loan]]
"""Anybody's sessions of today, for a broker that shows its list to those who logged in only."""


class NobodyLent(Exception):
    """A broker's list was had through no lent session, and at least one of them faulted."""


class Outcome(StrEnum):
    """What a morning's look at a broker came to."""

    FRESH = "fresh"
    STANDS_IN = "stands_in"
    UNAVAILABLE = "unavailable"
    WAITS_FOR_LOGIN = "waits_for_login"


class DailyMasters:
    """The lists by broker; what a process has read it keeps for the day."""

    def __init__(self, store: MasterStore, http: Http, calendar: Calendar, clock: Clock, tell: Tell) -> None:
        self._store = store
        self._http = http
        self._calendar = calendar
        self._clock = clock
        self._tell = tell
        self._kept: dict[str, Master] = {}
        self._given_up: dict[str, datetime] = {}

    def master(self, broker: Broker, day: date) -> Listed:
        """The list that serves the day, fetched now where the morning left none; raises `Unavailable`."""
        kept = self._kept.get(broker.name)
        if kept is None or kept.day != day or kept.flaw is not None:
            kept = self._store.read(broker.name, day) or self._hurried(broker, day)
            self._kept[broker.name] = kept
        return kept.listed

    def refresh(self, broker: Broker, day: date, lend: Lend) -> Outcome:
        """See to it that the day has a list without a flaw, or the best there is."""
        standing = self._store.read(broker.name, day)
        if standing is not None and standing.flaw is None:
            return Outcome.FRESH
        if not broker.capability.master_needs_session:
            return self._look(broker, day, None)
        faulted = False
        for loan in lend(broker):
            try:
                if (outcome := self._through(loan, broker, day)) is not None:
                    return outcome
            except Exception as fault:  # noqa: BLE001 - the next lender's token may serve
                faulted = True
                kind = type(fault).__name__
                log.error("%s: a lent session faulted: %s", broker.name, kind)  # noqa: TRY400 - a trace may show it
        if faulted:
            raise NobodyLent(broker.name)
        return Outcome.WAITS_FOR_LOGIN

    def _through(self, loan: Loan, broker: Broker, day: date) -> Outcome | None:
        """What a look through a lent session came to; None where that is dead."""
        try:
            return self._look(broker, day, loan.session)
        except SessionExpired:
            loan.died()
        return None

    def _look(self, broker: Broker, day: date, session: Session | None) -> Outcome:
        """Fetch the day's list; raises `SessionExpired` when it was the lent session that is bad, not the list."""
        try:
            found = self._fetch(broker, day, session, PATIENT_S)
        except Unavailable:
            return Outcome.UNAVAILABLE
        return Outcome.FRESH if found.flaw is None else Outcome.STANDS_IN

    def _hurried(self, broker: Broker, day: date) -> Master:
        failed = self._given_up.get(broker.name)
        if failed is not None and self._clock() < failed + GIVEN_UP_FOR:
            raise _no_list(broker, day)
        try:
            return self._fetch(broker, day, None, HURRIED_S)
        except Unavailable:
            self._given_up[broker.name] = self._clock()
            raise

    def _fetch(self, broker: Broker, day: date, session: Session | None, timeout_s: float) -> Master:
        """Ask the broker; store what then serves the day."""
        last = self._last(broker, day)
        try:
            read = broker.instruments(self._http.send(broker.master(session), timeout_s=timeout_s))
        except BrokerFailure as failure:
            if session is not None and isinstance(failure, SessionExpired):
                raise
            return self._instead(broker, day, last, Flaw.UNREADABLE, failure.text)
        flaw = flaw_of(read.contracts, last.listed if last else None, day)
        if flaw is not None:
            return self._instead(broker, day, last, flaw, f"{len(read.contracts)} contracts")
        return self._good(Master(broker.name, day, day, living(read.contracts, day)), read.odd)

    def _last(self, broker: Broker, day: date) -> Master | None:
        """The newest list of an earlier day."""
        for _ in range(LOOK_BACK):
            day = self._calendar.previous_trading_day(day)
            found = self._store.read(broker.name, day)
            if found is not None:
                return found
        return None

    def _good(self, master: Master, odd: int) -> Master:
        self._store.write(master)
        not_used = doubts(master.listed, master.day, self._calendar.data)
        if not_used or odd:
            found = Finding(master.broker_id, master.day, None, "", stands_in=False, doubts=not_used, odd=odd)
            self._tell(found)
        return master

    def _instead(self, broker: Broker, day: date, last: Master | None, flaw: Flaw, said: str) -> Master:
        """The last good list for this day too, or `Unavailable`; told once while it stands in for the same flaw."""
        kept = stand_in(last, flaw, day, self._calendar.previous_trading_day(day))
        standing = self._store.read(broker.name, day)
        if standing is None or standing.flaw is not flaw:
            self._tell(Finding(broker.name, day, flaw, said, stands_in=kept is not None))
        if kept is None:
            raise _no_list(broker, day)
        self._store.write(kept)
        return kept


def refresh(
    masters: DailyMasters, brokers: Iterable[Broker], lend: Lend, calendar: Calendar, day: date
) -> dict[str, str]:
    """Look at every broker's list, on days with a session; returns what each came to by broker.

    A fault at one broker is raised once the others are looked at.
    """
    if calendar.session(day) is None:
        return {}
    outcomes: dict[str, str] = {}
    faults: list[Exception] = []
    for broker in brokers:
        try:
            outcomes[broker.name] = masters.refresh(broker, day, lend).value
        except Exception as fault:  # noqa: BLE001 - raised below
            faults.append(fault)
    if faults:
        raise ExceptionGroup("some brokers' lists could not be looked at", faults)
    return outcomes


def _no_list(broker: Broker, day: date) -> Unavailable:
    return Unavailable(f"{broker.name} has no list of contracts for {day}", code="instrument_master_unavailable")
