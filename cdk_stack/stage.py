"""The settings of a stage, read from the context of `cdk.json`.

A stage either trades for real or at the simulator, never both, and real money has to be asked for.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, PositiveInt, ValidationError, model_validator

SHORT_NAME = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
LONGEST_WARM_LEAD_S = 60
"""The timer starts between one and two minutes before the boundary, and has to plan first."""

MOST_ADDRESSES = 16
"""Two NAT gateways, each with the eight addresses it may have."""

Seconds = PositiveInt
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]


OVERRIDES = ("platform", "simulated_broker_url", "market_feed_url", "credential_vault")
"""Settings that may also be given on the command line."""


class InvalidStage(Exception):
    """The context names no usable stage; the message says what to change."""


class Throttle(BaseModel, frozen=True, extra="forbid"):
    """What the API lets through as a whole; each partner's own limit is far below."""

    rate_per_second: PositiveInt
    burst: PositiveInt


class Stage(BaseModel, frozen=True, extra="forbid"):
    """One deployment of the stack."""

    project: Annotated[str, Field(pattern=SHORT_NAME, max_length=30)]
    name: Annotated[str, Field(pattern=SHORT_NAME, max_length=10)]
    platform: Literal["aws", "local"] = "aws"
    real_brokers: bool
    simulated_broker_url: Url | None = None
    market_feed_url: Url | None = None
    app_url: Annotated[str, Field(pattern=r"^https?://[^\s/]+$")]
    redirect_urls: tuple[Annotated[str, Field(pattern=r"^https://[^\s/?#*]+/[^\s#*]*$")], ...] = ()
    market_hours: Literal["exchange", "always"]
    keep_data: bool
    fixed_addresses: Annotated[int, Field(ge=0, le=MOST_ADDRESSES)] = 0
    one_address_in_use: bool = False
    credential_vault: Literal["secrets_manager", "kms_envelope"] = "secrets_manager"
    log_retention: Literal["TWO_WEEKS", "FIVE_YEARS"]
    log_level: Literal["DEBUG", "INFO", "WARNING"] = "INFO"
    throttle: Throttle
    warm_lead_s: Annotated[Seconds, Field(le=LONGEST_WARM_LEAD_S)]
    last_look_lead_s: Seconds
    sandbox_lead_s: Seconds
    urgent_lead_s: Seconds
    max_lateness_s: Seconds
    shard_size: Annotated[PositiveInt, Field(le=1000)]

    @model_validator(mode="after")
    def _trades_in_one_world(self) -> Self:
        if self.real_brokers and self.simulated_broker_url:
            raise ValueError("a stage with real brokers has no simulated_broker_url")
        if not self.real_brokers and not self.simulated_broker_url:
            raise ValueError("a stage without real brokers needs a simulated_broker_url")
        if self.real_brokers and self.market_hours != "exchange":
            raise ValueError("a stage with real brokers keeps the exchange's hours")
        return self

    @model_validator(mode="after")
    def _leaves_where_brokers_let_in(self) -> Self:
        if self.real_brokers and not self.fixed_addresses:
            raise ValueError(
                "a stage with real brokers needs fixed_addresses: brokers take orders only from registered addresses"
            )
        if self.one_address_in_use and not self.fixed_addresses:
            raise ValueError("one_address_in_use needs fixed_addresses")
        if self.fixed_addresses and self.platform == "local":
            raise ValueError("the local platform has no fixed_addresses")
        if self.fixed_addresses and not all(map(_at_the_open_port, filter(None, self._told_places))):
            raise ValueError("a stage with fixed_addresses reaches brokers and prices over https on port 443 only")
        return self

    @model_validator(mode="after")
    def _looks_last_while_warm(self) -> Self:
        if not self.last_look_lead_s < self.warm_lead_s < self.sandbox_lead_s:
            raise ValueError("last_look_lead_s < warm_lead_s < sandbox_lead_s must hold")
        return self

    @property
    def prefix(self) -> str:
        """Start of every name that people type, and name of the stack."""
        return f"{self.project}-{self.name}"

    @property
    def feed_url(self) -> str | None:
        """Where prices come from; the simulator has a feed of its own."""
        return self.market_feed_url or self.simulated_broker_url

    @property
    def _told_places(self) -> tuple[str | None, ...]:
        """Where functions that call brokers go beside the brokers themselves."""
        return self.simulated_broker_url, self.market_feed_url

    @property
    def secret_prefix(self) -> str:
        """Folder of the secrets; the stack's roles reach nothing outside it."""
        return f"{self.project}/{self.name}"


def read_stage(context: Mapping[str, Any]) -> Stage:
    """Return the stage that `-c stage=` chose, with what `-c` overrides of it.

    Raises `InvalidStage` with the known names, or with every setting that is wrong.
    """
    stages: Mapping[str, Any] = context.get("stages", {})
    name = str(context.get("stage"))
    if name not in stages:
        raise InvalidStage(f"no stage {name!r} in cdk.json; known: {', '.join(stages)} (choose with -c stage=)")
    overrides = {key: context[key] for key in OVERRIDES if key in context}
    try:
        return Stage.model_validate({"project": context.get("project"), "name": name, **stages[name], **overrides})
    except ValidationError as error:
        raise InvalidStage(f"stage {name!r} in cdk.json: {_words(error)}") from None


def _at_the_open_port(url: str) -> bool:
    """Whether the way out of the network of fixed addresses leads there."""
    parts = urlsplit(url)
    return parts.scheme == "https" and parts.port in {None, 443}


def _words(error: ValidationError) -> str:
    return "; ".join(": ".join(filter(None, [".".join(map(str, each["loc"])), each["msg"]])) for each in error.errors())
