"""What the gateway answers by itself, in the shape of every other error of the API."""

import json
from typing import NamedTuple

from aws_cdk import aws_apigateway as apigateway


class Answer(NamedTuple):
    """One refusal, and the gateway's own names for its causes."""

    status: int
    code: str
    error: str
    message: str
    causes: tuple[str, ...]


ANSWERS = (
    Answer(
        401,
        "invalid_credentials",
        "Invalid API key or secret",
        "Partners send 'Authorization: Bearer pk_...' and 'X-Partner-Secret: sk_...'; "
        "administrators send 'Authorization: Bearer' with the id token of their sign-in.",
        ("UNAUTHORIZED", "ACCESS_DENIED"),  # the latter is the authorizer's denial: no other policy denies anything
    ),
    Answer(
        403,
        "permission_denied",
        "Permission denied",
        "These credentials do not reach this resource.",
        ("INVALID_API_KEY", "WAF_FILTERED"),
    ),
    # No route is signed with AWS keys, so a complaint about a signature means a path that is not there.
    Answer(
        404,
        "not_found",
        "Not found",
        "There is no such path.",
        (
            "MISSING_AUTHENTICATION_TOKEN",
            "RESOURCE_NOT_FOUND",
            "INVALID_SIGNATURE",
            "EXPIRED_TOKEN",
            "DEFAULT_4XX",
        ),
    ),
    Answer(
        400,
        "invalid_request",
        "Invalid request parameters",
        "The request could not be read.",
        ("BAD_REQUEST_BODY", "BAD_REQUEST_PARAMETERS"),
    ),
    Answer(413, "payload_too_large", "Payload too large", "The body exceeds 100 kB.", ("REQUEST_TOO_LARGE",)),
    Answer(
        415,
        "unsupported_media_type",
        "Unsupported media type",
        "Send application/json.",
        ("UNSUPPORTED_MEDIA_TYPE",),
    ),
    Answer(
        429,
        "rate_limited",
        "Rate limit exceeded",
        "The service as a whole is busy; try again shortly.",
        ("THROTTLED", "QUOTA_EXCEEDED"),
    ),
    Answer(
        500,
        "internal_error",
        "Internal server error",
        "Something failed on our side; quote the request id.",
        ("AUTHORIZER_FAILURE", "AUTHORIZER_CONFIGURATION_ERROR", "API_CONFIGURATION_ERROR", "DEFAULT_5XX"),
    ),
    Answer(
        504,
        "timeout",
        "Gateway timeout",
        "No answer came in time; what was asked may have been carried out.",
        ("INTEGRATION_FAILURE", "INTEGRATION_TIMEOUT"),
    ),
)

SAFE = {"X-Content-Type-Options": "nosniff", "Strict-Transport-Security": "max-age=31536000"}
"""What every answer tells a browser, the functions' too (`runtime/api.py`): believe the type, come by https only."""

_HEADERS = {401: {"WWW-Authenticate": "'Bearer'"}, 429: {"Retry-After": "'1'"}}


def add_gateway_responses(api: apigateway.RestApi) -> None:
    """Give every refusal of the gateway our words."""
    for answer in ANSWERS:
        for cause in answer.causes:
            api.add_gateway_response(
                "".join(word.title() for word in cause.split("_")),
                type=apigateway.ResponseType.of(cause),
                status_code=str(answer.status),
                response_headers={
                    "X-Request-Id": "context.requestId",
                    **{name: f"'{value}'" for name, value in SAFE.items()},
                    **_HEADERS.get(answer.status, {}),
                },
                templates={"application/json": _body(answer)},
            )


def _body(answer: Answer) -> str:
    """Fill in only what no caller wrote, so that the text is JSON whatever was asked."""
    return json.dumps(
        {
            "statusCode": answer.status,
            "error": answer.error,
            "message": answer.message,
            "code": answer.code,
            "request_id": "$context.requestId",
        }
    )
