"""Instrument masters: each broker's list of contracts, fetched once a day and kept while the process is warm."""

from collections.abc import Mapping
from datetime import date

from quantleap.domain.broker import Broker, BrokerFailure, Instrument
from quantleap.domain.contracts import Contract
from quantleap.domain.errors import Unavailable
from quantleap.domain.ports import Http


class FetchedMasters:
    """Symbols are looked up, never built from a calendar."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._kept: dict[str, tuple[date, Mapping[Contract, Instrument]]] = {}

    def master(self, broker: Broker, day: date) -> Mapping[Contract, Instrument]:
        """The broker's list for that day; `Unavailable` when it cannot be had or read."""
        kept = self._kept.get(broker.name)
        if kept is not None and kept[0] == day:
            return kept[1]
        try:
            listed = broker.instruments(self._http.send(broker.master(), timeout_s=20))
        except BrokerFailure as error:
            message = f"{broker.name} gave no list of contracts: {error.text}"
            raise Unavailable(message, code="instrument_master_unavailable") from None
        self._kept[broker.name] = (day, listed)
        return listed
