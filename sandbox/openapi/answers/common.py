"""What every answer has, and the answers that belong to nobody."""

from typing import Annotated, Any, Literal

from pydantic import Field

from quantleap.domain.model import Model

Token = Annotated[str | None, Field(description="Send it back for the page it leads to; null where there is none.")]
Reason = Annotated[
    str | None, Field(description="Why no order can be placed now; null where nothing stands in the way.")
]
Minute = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""A minute of the day in IST, such as 09:20."""


class Answer(Model):
    """What every answer has."""

    status_code: int = Field(serialization_alias="statusCode")


class Health(Answer):
    """That the functions answer."""

    status: Literal["ok"]
    stage: str


class Refusal(Answer):
    """Why a request was not carried out. Switch on `code`; `error` and `message` are for people."""

    error: str
    message: str
    code: str
    request_id: str = Field(description="The request's id, also in the header X-Request-Id.")


class Document(Model):
    """An OpenAPI document."""

    openapi: str
    info: dict[str, Any]
    paths: dict[str, Any]
