"""The dated facts a release is shipped with: the floor under what administrators write since.

Up to NSE's circulars of 22 August 2026 and the brokers' pages of November 2026. NSE publishes a year's holidays in the
December before it and adds to them while the year runs; what is not published yet is not in here.
"""

from collections.abc import Iterable, Mapping
from datetime import date, time
from decimal import Decimal

from quantleap.domain.indexes import ExpiryType, Index
from quantleap.domain.market_data import (
    ExpiryRule,
    FreezeQuantity,
    LotSize,
    MarketData,
    Row,
    SessionCoverage,
    SessionDay,
    SessionHours,
    SessionKind,
    SquareOffHour,
    StrikeStep,
    Tick,
)

KNOWN_FROM = date(2025, 1, 1)

HOLIDAYS = {
    "NSE's holidays of 2025": (
        date(2025, 2, 26),  # Mahashivratri
        date(2025, 3, 14),  # Holi
        date(2025, 3, 31),  # Id-ul-Fitr
        date(2025, 4, 10),  # Mahavir Jayanti
        date(2025, 4, 14),  # Ambedkar Jayanti
        date(2025, 4, 18),  # Good Friday
        date(2025, 5, 1),  # Maharashtra Day
        date(2025, 8, 15),  # Independence Day
        date(2025, 8, 27),  # Ganesh Chaturthi
        date(2025, 10, 2),  # Gandhi Jayanti
        date(2025, 10, 22),  # Balipratipada
        date(2025, 11, 5),  # Guru Nanak Jayanti
        date(2025, 12, 25),  # Christmas
    ),
    "NSE's holidays of 2026": (
        date(2026, 1, 15),  # municipal polls in Maharashtra, announced on 9 January
        date(2026, 1, 26),  # Republic Day
        date(2026, 3, 3),  # Holi
        date(2026, 3, 26),  # Ram Navami
        date(2026, 3, 31),  # Mahavir Jayanti
        date(2026, 4, 3),  # Good Friday
        date(2026, 4, 14),  # Ambedkar Jayanti
        date(2026, 5, 1),  # Maharashtra Day
        date(2026, 5, 28),  # Bakri Id
        date(2026, 6, 26),  # Muharram
        date(2026, 9, 14),  # Ganesh Chaturthi
        date(2026, 10, 2),  # Gandhi Jayanti
        date(2026, 10, 20),  # Dussehra
        date(2026, 11, 10),  # Balipratipada
        date(2026, 11, 24),  # Guru Nanak Jayanti
        date(2026, 12, 25),  # Christmas
    ),
    "A national holiday, kept every year": (
        date(2027, 1, 26),
        date(2027, 8, 15),
        date(2027, 10, 2),
        date(2027, 12, 25),
    ),
}
"""Days without a session, by who says so. Of 2027 no other is published."""

BUDGET = "NSE's circular on the Union Budget"

SPECIAL = (
    SessionDay.model_construct(
        day=date(2025, 2, 1), kind=SessionKind.SPECIAL, opens=time(9, 15), closes=time(15, 30), source=BUDGET
    ),
    SessionDay.model_construct(
        day=date(2025, 10, 21),
        kind=SessionKind.MUHURAT,
        opens=time(13, 45),
        closes=time(14, 45),
        source="NSE's circular on Muhurat trading of 2025",
    ),
    SessionDay.model_construct(
        day=date(2026, 2, 1), kind=SessionKind.SPECIAL, opens=time(9, 15), closes=time(15, 30), source=BUDGET
    ),
    # Its hour is announced weeks before, in a circular that is not among these sources. Such a day has no session until
    # somebody writes its hours: not trading an hour beats trading a wrong one.
    SessionDay.model_construct(day=date(2026, 11, 8), kind=SessionKind.MUHURAT, source="NSE's holidays of 2026"),
)

HOURS = (
    SessionHours.model_construct(
        effective_from=KNOWN_FROM, opens=time(9, 15), closes=time(15, 30), source="NSE's market timings"
    ),
    # The closing auction of the cash market brought ten more minutes to derivatives.
    SessionHours.model_construct(
        effective_from=date(2026, 8, 3), opens=time(9, 15), closes=time(15, 40), source="NSE's closing auction"
    ),
)

COVERAGE = (
    SessionCoverage.model_construct(
        effective_from=KNOWN_FROM, until=date(2025, 12, 31), source="NSE's holidays of 2025"
    ),
    SessionCoverage.model_construct(
        effective_from=date(2026, 1, 1), until=date(2026, 12, 31), source="NSE's holidays of 2026"
    ),
)

TUESDAYS_FROM = date(2025, 9, 1)
EXPIRY_SOURCE = "NSE/FAOP/68747"

SERIES = {
    # Weekly series of the other indexes ended in November 2024.
    index: (ExpiryType.WEEKLY, ExpiryType.MONTHLY) if index is Index.NIFTY else (ExpiryType.MONTHLY,)
    for index in Index
}

# By the contract's expiry. SEBI has lots reviewed every six months; no later change was found up to 22 August 2026.
LOT_SOURCE = "NSE/FAOP/70616"
LOT_SIZES: Mapping[Index, Mapping[date, int]] = {
    Index.NIFTY: {KNOWN_FROM: 75, date(2026, 1, 1): 65},
    Index.BANKNIFTY: {KNOWN_FROM: 30, date(2025, 7, 1): 35, date(2026, 1, 1): 30},
    Index.FINNIFTY: {KNOWN_FROM: 65, date(2026, 1, 1): 60},
    Index.MIDCPNIFTY: {KNOWN_FROM: 120, date(2025, 7, 1): 140, date(2026, 1, 1): 120},
    Index.NIFTYNXT50: {KNOWN_FROM: 25},
}

# By the day of the order. Reviewed every month; the last review here, in force from 3 August 2026, left every figure.
FREEZE_SOURCE = "NSE/FAOP/75521"
FREEZE_QUANTITIES: Mapping[Index, Mapping[date, int]] = {
    Index.NIFTY: {KNOWN_FROM: 1800},
    Index.BANKNIFTY: {KNOWN_FROM: 600, date(2025, 9, 1): 900, date(2025, 11, 1): 600},
    Index.FINNIFTY: {KNOWN_FROM: 1800, date(2025, 12, 1): 1200, date(2026, 1, 1): 1800},
    Index.MIDCPNIFTY: {KNOWN_FROM: 2800},
    Index.NIFTYNXT50: {KNOWN_FROM: 600},
}

STRIKE_STEPS = {
    Index.NIFTY: 50,
    Index.BANKNIFTY: 100,
    Index.FINNIFTY: 50,
    Index.MIDCPNIFTY: 25,
    Index.NIFTYNXT50: 100,
}

SUPPORT = "the broker's support page, November 2026"
NOT_PUBLISHED = "not published; what other brokers do"

SQUARE_OFFS = (
    SquareOffHour.model_construct(
        broker_id="zerodha", effective_from=KNOWN_FROM, at=time(15, 15), confirmed=False, source=NOT_PUBLISHED
    ),
    SquareOffHour.model_construct(
        broker_id="zerodha", effective_from=date(2026, 8, 3), at=time(15, 25), source=SUPPORT
    ),
    SquareOffHour.model_construct(
        broker_id="upstox", effective_from=KNOWN_FROM, at=time(15, 15), confirmed=False, source=NOT_PUBLISHED
    ),
    # From 15:12 to 15:20, account by account.
    SquareOffHour.model_construct(broker_id="upstox", effective_from=date(2026, 9, 1), at=time(15, 12), source=SUPPORT),
    *(
        SquareOffHour.model_construct(
            broker_id=each, effective_from=KNOWN_FROM, at=time(15, 15), confirmed=False, source=NOT_PUBLISHED
        )
        for each in ("angel_one", "mstock", "zebu")
    ),
)
"""When a broker begins to close intraday positions itself; ICICI Direct has none, the simulated brokers leave them."""


def _rows() -> Iterable[Row]:
    for source, days in HOLIDAYS.items():
        yield from (SessionDay.model_construct(day=day, kind=SessionKind.CLOSED, source=source) for day in days)
    yield from (*SPECIAL, *HOURS, *COVERAGE, *SQUARE_OFFS)
    for index, series in SERIES.items():
        yield ExpiryRule.model_construct(
            index=index, effective_from=KNOWN_FROM, weekday="THU", series=series, source=EXPIRY_SOURCE
        )
        yield ExpiryRule.model_construct(
            index=index, effective_from=TUESDAYS_FROM, weekday="TUE", series=series, source=EXPIRY_SOURCE
        )
        yield Tick.model_construct(
            index=index, effective_from=KNOWN_FROM, tick=Decimal("0.05"), source="NSE's contract specifications"
        )
    for index, lots in LOT_SIZES.items():
        yield from (
            LotSize.model_construct(index=index, effective_from=d, lot_size=n, source=LOT_SOURCE)
            for d, n in lots.items()
        )
    for index, most in FREEZE_QUANTITIES.items():
        yield from (
            FreezeQuantity.model_construct(index=index, effective_from=d, freeze_quantity=n, source=FREEZE_SOURCE)
            for d, n in most.items()
        )
    for index, step in STRIKE_STEPS.items():
        yield StrikeStep.model_construct(
            index=index,
            effective_from=KNOWN_FROM,
            step=Decimal(step),
            confirmed=False,
            source="no circular: the steps near the money as brokers list them",
        )


SHIPPED = MarketData(_rows())


def shipped() -> MarketData:
    """The facts of the release alone."""
    return SHIPPED
