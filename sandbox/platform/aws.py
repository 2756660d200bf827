"""Clients of the emulated AWS; the account and its keys exist nowhere else."""

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import boto3
from botocore.config import Config

from sandbox.platform.places import LOOPBACK, Ports

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient

REGION = "ap-south-1"
ACCOUNT = "000000000000"
FOREIGN = ("AWS_", "CDK_", "PYTHON")
"""Variables of the person's own AWS, CDK and Python that have no business here."""


class Aws(NamedTuple):
    """The emulated account."""

    cloudformation: Any
    cognito: "CognitoIdentityProviderClient"
    dynamodb: "DynamoDBClient"
    functions: "LambdaClient"
    logs: Any
    parameters: Any


def connect(url: str) -> Aws:
    """Clients that know the emulator alone."""
    session = boto3.session.Session(aws_access_key_id=ACCOUNT, aws_secret_access_key="test", region_name=REGION)
    config = Config(read_timeout=120, retries={"total_max_attempts": 1})
    return Aws(
        session.client("cloudformation", endpoint_url=url, config=config),
        session.client("cognito-idp", endpoint_url=url, config=config),
        session.client("dynamodb", endpoint_url=url, config=config),
        session.client("lambda", endpoint_url=url, config=config),
        session.client("logs", endpoint_url=url, config=config),
        session.client("ssm", endpoint_url=url, config=config),
    )


def forget_own_aws() -> None:
    """Leave this process, and what it starts, nothing of the person's own AWS, CDK, Python or proxy."""
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        del os.environ[name]
    os.environ |= {
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
    }


def tool_environment(ports: Ports) -> dict[str, str]:
    """What makes the CDK command line deploy to the emulator and to nothing else."""
    return os.environ | {
        "AWS_ENDPOINT_URL": ports.gateway_url,
        "AWS_ACCESS_KEY_ID": ACCOUNT,
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "CDK_DISABLE_VERSION_CHECK": "1",
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
    }
