"""Which brokers an environment may reach: test keys the simulated ones, live keys the real ones on a live stage."""

from quantleap.adapters.brokers.zebu import Zebu
from quantleap.domain.broker import Broker
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.partner import Environment

BROKERS = {"zebu": Zebu}
"""Every broker we speak to, by its id."""


class Directory:
    """Real money has to be asked for twice: by the stage and by the key."""

    def __init__(self, simulated_url: str | None, *, real: bool) -> None:
        self._simulated_url = simulated_url
        self._real = real

    def broker(self, broker_id: str, environment: Environment) -> Broker:
        """The broker for that environment; `InvalidRequest` where there is none."""
        kind = BROKERS.get(broker_id)
        if kind is None:
            raise InvalidRequest({"broker_name": f"Unknown broker; use one of {', '.join(sorted(BROKERS))}"})
        if environment is Environment.LIVE and self._real:
            return kind()
        if environment is Environment.TEST and self._simulated_url:
            return kind(f"{self._simulated_url}/{broker_id}")
        raise InvalidRequest({"broker_name": f"This stage reaches no {environment} brokers"})
