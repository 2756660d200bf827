"""Which brokers an environment may reach: test keys the simulated ones, live keys the real ones on a live stage."""

from collections.abc import Callable, Sequence

from quantleap.adapters.brokers.angel_one import AngelOne
from quantleap.adapters.brokers.icici_direct import IciciDirect
from quantleap.adapters.brokers.mstock import MStock
from quantleap.adapters.brokers.simulated import Simulated
from quantleap.adapters.brokers.upstox import Upstox
from quantleap.adapters.brokers.zebu import Zebu
from quantleap.adapters.brokers.zerodha import Zerodha
from quantleap.domain.broker import Broker
from quantleap.domain.broker_id import unknown_broker
from quantleap.domain.capabilities import Capability, Pace
from quantleap.domain.errors import InvalidRequest
from quantleap.domain.market_data import BrokerLimit
from quantleap.domain.partner import Environment

BROKERS: dict[str, Callable[[str | None], Broker]] = {
    kind.name: kind for kind in (AngelOne, IciciDirect, MStock, Simulated, Upstox, Zebu, Zerodha)
}
"""Every broker we speak to, by its id: made with the address of a simulator, or with None for the broker itself."""


def capabilities() -> Sequence[Capability]:
    """What each broker can do, by its id."""
    return [BROKERS[broker_id](None).capability for broker_id in sorted(BROKERS)]


type Limits = Callable[[str], BrokerLimit | None]
"""The limits of a broker that were written since the release."""


def _none(_broker_id: str) -> None:
    return None


class Directory:
    """Real money has to be asked for twice: by the stage and by the key.

    `egress_ip` is the address that the stage's requests leave from, where it has a fixed one. `limits` that were
    written since the release hold instead of the broker's own.
    """

    def __init__(
        self, simulated_url: str | None, *, real: bool, egress_ip: str | None = None, limits: Limits = _none
    ) -> None:
        self._simulated_url = simulated_url
        self._real = real
        self._egress_ip = egress_ip
        self._limits = limits

    def as_they_stand(self) -> "Directory":
        """The same brokers with this moment's limits: they are read here, and not again."""
        limits = {broker_id: self._limits(broker_id) for broker_id in BROKERS}
        return Directory(self._simulated_url, real=self._real, egress_ip=self._egress_ip, limits=limits.get)

    def capabilities(self) -> Sequence[Capability]:
        """What each broker can do, whether or not this stage reaches it."""
        return [self._limited(each) for each in capabilities()]

    def all(self) -> Sequence[Broker]:
        """Every broker this stage reaches."""
        environment = Environment.LIVE if self._real else Environment.TEST
        reached = BROKERS.keys() - ({Simulated.name} if self._real else set())
        return [self.broker(broker_id, environment) for broker_id in sorted(reached)]

    def broker(self, broker_id: str, environment: Environment) -> Broker:
        """The broker for that environment; `InvalidRequest` where there is none."""
        kind = BROKERS.get(broker_id)
        if kind is None:
            raise InvalidRequest({"broker_name": unknown_broker()})
        if environment is Environment.LIVE and kind is Simulated:
            raise InvalidRequest({"broker_name": "The simulated broker takes test keys only"})
        if environment is Environment.LIVE and self._real:
            return self._made(kind, None)
        if environment is Environment.TEST and self._simulated_url:
            return self._made(kind, f"{self._simulated_url}/{broker_id}")
        raise InvalidRequest({"broker_name": f"This stage reaches no {environment} brokers"})

    def _made(self, kind: Callable[[str | None], Broker], base_url: str | None) -> Broker:
        """The broker at an address; one of them wants to be told ours with every request."""
        if kind is AngelOne and self._egress_ip is not None:
            made: Broker = AngelOne(base_url, self._egress_ip)
        else:
            made = kind(base_url)
        made.capability = self._limited(made.capability)
        return made

    def _limited(self, capability: Capability) -> Capability:
        """With the limits that were written since the release, where there are any."""
        written = self._limits(capability.broker_id)
        if written is None:
            return capability
        orders, reads = ((Pace(each.calls, each.seconds) for each in part) for part in (written.orders, written.reads))
        return capability.limited(orders, reads)
