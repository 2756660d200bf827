"""What a client is told and what it has to do, in words that need neither its packages nor ours."""

from typing import NamedTuple, Protocol, TypedDict


class Order(TypedDict):
    """An order of a client's own user, who fills in a document's example."""

    symbol: str
    token: str
    exchange: str
    index: str
    expiry: str
    strike: str
    right: str
    side: str
    quantity: int
    price: float
    trigger: float | None
    tag: str
    algo_id: str


class Told(TypedDict):
    """Whose session it is, where the broker listens, and which orders to send."""

    base: str
    client_id: str
    api_key: str
    api_secret: str
    access_token: str
    plain: Order
    changed: Order
    stop: Order


class Placed(NamedTuple):
    """The numbers of the two orders placed."""

    plain: str
    stop: str


class Peer(Protocol):
    """A client ready to send."""

    def place(self, order: Order) -> str:
        """Place it and return its number."""

    def modify(self, number: str, order: Order) -> None:
        """Change it to what `order` says."""

    def cancel(self, number: str, order: Order) -> None:
        """Take it back."""


def play(peer: Peer, told: Told) -> Placed:
    """Place, change and take back one order, then place and take back a stop order."""
    plain = peer.place(told["plain"])
    peer.modify(plain, told["changed"])
    peer.cancel(plain, told["changed"])
    stop = peer.place(told["stop"])
    peer.cancel(stop, told["stop"])
    return Placed(plain, stop)
