"""The authorizer of partner routes: key and secret in, the partner out; nobody else gets past it.

The gateway remembers its answer, a denial too, for 60 seconds for the same two headers, so it answers for the whole
stage, and functions read the key anew at every request.
"""

from collections.abc import Mapping
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
    """The policy that lets a partner in, or the one that turns everybody else away.

    The gateway answers 401 to the latter, in the words of `cdk_stack/constructs/gateway_responses.py`. To raise would
    have the same answer, but ends the process that raised: the next caller would wait for another one to start.
    """
    try:
        who = partner_auth.presented(event.get("multiValueHeaders") or {})
        proven = partner_auth.authenticate(wiring.keys(), wiring.hasher(), remembered, wiring.clock, who)
    except Unauthenticated as refusal:
        logger.info("turned away", extra={"reason": refusal.message})
        return _policy("Deny", "nobody", event["methodArn"], {})
    logger.info("let in", extra={"caller": f"{proven.key.tenant.key} {proven.key.api_key_id}"})
    return _policy("Allow", proven.key.api_key_id, event["methodArn"], _context(proven))


def _policy(effect: str, principal: str, method_arn: str, context: Mapping[str, str]) -> dict[str, Any]:
    """Every route of the stage: a remembered answer serves them all."""
    api, stage, *_ = method_arn.split("/")
    return {
        "principalId": principal,
        "policyDocument": {
            "Version": "2012-10-17",
            "Statement": [{"Action": "execute-api:Invoke", "Effect": effect, "Resource": f"{api}/{stage}/*"}],
        },
        "context": dict(context),
    }


def _context(proven: Proven) -> Mapping[str, str]:
    """What functions are told of the partner."""
    key = proven.key
    return {
        "api_key_id": key.api_key_id,
        "partner_id": key.partner_id,
        "environment": str(key.environment),
        "secret_version": str(proven.secret_version),
    }


start.finish(wiring.hasher, wiring.keys)
