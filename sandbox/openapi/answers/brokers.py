"""The table of brokers, as it is answered."""

from pydantic import Field

from quantleap.domain.capabilities import AlgoId, OrderCall, OrderType, Protection, StaticIp
from quantleap.domain.model import Model
from quantleap.domain.trading import Product
from sandbox.openapi.answers.common import Answer


class Rate(Model):
    """At most so many calls in so many seconds."""

    calls: int
    seconds: int


class Tag(Model):
    """The text an order may carry; `alphabet` is the inside of a regular expression's brackets."""

    max_length: int
    alphabet: str


class OrderLimits(Model):
    """How fast one account may act on orders in one exchange segment, and which calls count."""

    at_most: tuple[Rate, ...]
    counted: tuple[OrderCall, ...]


class ReadLimits(Model):
    """How fast one account may ask."""

    at_most: tuple[Rate, ...]


class Quotes(Model):
    """How many instruments one request may name, and whether bid and ask come with the price."""

    at_once: int
    depth: bool


class Margin(Model):
    """How many orders one request may name."""

    at_once: int


class TokenLife(Model):
    """When a login ends."""

    dies_at: str = Field(pattern=r"^[0-2][0-9]:[0-5][0-9] IST$")
    max_life_hours: int | None


class Login(Model):
    """How the login page returns."""

    state_returned_by: str = Field(pattern="^(query|redirect_path)$")
    code_names: tuple[str, ...]
    returned_beside: tuple[str, ...]
    redirect_url_required: bool


class Broker(Model):
    """One broker; `unconfirmed` names the parts that no document of the broker's confirms."""

    broker_name: str
    title: str
    order_types: tuple[OrderType, ...]
    products: tuple[Product, ...]
    tag: Tag
    algo_id: AlgoId
    market_protection: Protection
    max_slices: int
    order_limits: OrderLimits
    read_limits: ReadLimits
    quotes: Quotes
    margin: Margin
    token: TokenLife
    login: Login
    static_ip: StaticIp
    kill_switch: bool
    unconfirmed: tuple[str, ...]


class Brokers(Answer):
    """What each broker can do."""

    brokers: tuple[Broker, ...]
    count: int
