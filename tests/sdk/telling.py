"""What a client is told: the session and the orders of a desk, in words that need none of our packages."""

from quantleap.domain.broker import OrderRequest
from tests.sdk.peers.peer import Order, Told
from tests.unit.desk import APP, Desk


def told(desk: Desk, base: str, plain: OrderRequest, changed: OrderRequest, stop: OrderRequest) -> Told:
    """Everything a client needs to send these orders to a broker that listens at `base`."""
    return Told(
        base=base,
        client_id=desk.client_id,
        api_key=desk.session.api_key or APP.api_key,
        api_secret=APP.api_secret,
        access_token=desk.session.access_token,
        plain=spelt(plain),
        changed=spelt(changed),
        stop=spelt(stop),
    )


def spelt(order: OrderRequest) -> Order:
    """An order as plain values."""
    contract = order.instrument.contract
    return Order(
        symbol=order.instrument.symbol,
        token=order.instrument.token,
        exchange=order.instrument.exchange,
        index=contract.index.value,
        expiry=contract.expiry.isoformat(),
        strike=f"{contract.strike:f}",
        right=contract.right.value,
        side=order.side.value,
        quantity=order.quantity,
        price=float(order.limit_price),
        trigger=None if order.trigger_price is None else float(order.trigger_price),
        tag=order.tag,
        algo_id=order.algo_id or "",
    )
