"""The authorizer of partner routes: key and secret in, the partner out; nobody else gets past it.

The gateway remembers its answer for 60 seconds for the same two headers, so it answers for the whole stage, and
functions read the key anew at every request.
"""

from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from quantleap.domain.errors import Unauthenticated
from quantleap.runtime import start, wiring
from quantleap.services import partner_auth
from quantleap.services.partner_auth import Proven

logger = Logger()

remembered = partner_auth.Remembered()
"""Secrets this process has verified."""


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Let a partner in, or raise."""
    try:
        who = partner_auth.presented(event.get("multiValueHeaders") or {})
        proven = partner_auth.authenticate(wiring.keys(), wiring.hasher(), remembered, wiring.clock, who)
    except Unauthenticated as refusal:
        logger.info("turned away", extra={"reason": refusal.message})
        # The gateway answers 401 to this very text; any other failure, so a fault of ours too, is a 500.
        raise Exception("Unauthorized") from None  # noqa: TRY002 - the gateway reads the text, not the type
    logger.info("let in", extra={"caller": f"{proven.key.tenant.key} {proven.key.api_key_id}"})
    return _policy(proven, event["methodArn"])


def _policy(proven: Proven, method_arn: str) -> dict[str, Any]:
    """Every route of the stage: a remembered answer serves them all."""
    key = proven.key
    api, stage, *_ = method_arn.split("/")
    return {
        "principalId": key.api_key_id,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": "Allow", "Resource": f"{api}/{stage}/*"}],
        },
        "context": {
            "api_key_id": key.api_key_id,
            "partner_id": key.partner_id,
            "environment": str(key.environment),
            "secret_version": str(proven.secret_version),
        },
    }


start.finish(wiring.hasher, wiring.keys)
