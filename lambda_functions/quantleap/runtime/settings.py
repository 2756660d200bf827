"""What the stage tells a function, read once from its environment."""

import os
from functools import cache
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PositiveInt, ValidationError

from quantleap.domain.model import complaints


class BadEnvironment(RuntimeError):
    """The function was deployed without something it needs; the message names each variable."""


class Settings(BaseModel):
    """One field for each variable, under the same name in capitals; durations in seconds."""

    model_config = ConfigDict(frozen=True)

    stage: str
    table_name: str
    plans_bucket: str
    secret_prefix: str
    credential_vault: Literal["secrets_manager", "kms_envelope"] = "secrets_manager"
    vault_key_id: str | None = Field(default=None, description="the KMS key of a `kms_envelope` vault")
    real_brokers: bool
    simulated_broker_url: str | None = None
    market_feed_url: str | None = None
    egress_ip: str | None = Field(default=None, description="the fixed address that requests to brokers leave from")
    user_pool_client_id: str = Field(description="the stage's own client: whose tokens open its doors")
    app_url: str = Field(description="where our own pages are, without a slash at the end")
    redirect_urls: Annotated[tuple[str, ...], BeforeValidator(str.split)] = Field(
        default=(), description="where logins of those who sign in themselves may return to, with spaces between"
    )
    market_hours: Literal["exchange", "always"]
    warm_lead_s: PositiveInt
    last_look_lead_s: PositiveInt
    sandbox_lead_s: PositiveInt
    urgent_lead_s: PositiveInt
    max_lateness_s: PositiveInt
    shard_size: PositiveInt
    precision_timer_arn: str | None = Field(default=None, description="told only to those that start runs")
    event_bus: str | None = Field(default=None, description="told only to the event relay, as the next two")
    undelivered_url: str | None = None
    takes_partial_failures: bool = Field(default=False, description="whether the stream is asked again for a part")


@cache
def settings() -> Settings:
    """The function's settings; raises `BadEnvironment`."""
    found = {name: os.environ[name.upper()] for name in Settings.model_fields if name.upper() in os.environ}
    try:
        return Settings.model_validate(found)
    except ValidationError as error:
        problems = complaints(error.errors(include_url=False, include_input=False))
        text = "; ".join(f"{name.upper()}: {problem}" for name, problem in problems.items())
        raise BadEnvironment(f"the environment does not fit: {text}") from None
