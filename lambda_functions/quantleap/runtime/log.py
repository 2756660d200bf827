"""The log every API function writes to."""

from aws_lambda_powertools import Logger

logger = Logger(serialize_stacktrace=False)
