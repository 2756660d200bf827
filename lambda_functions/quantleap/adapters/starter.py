"""Starting the precision timer by hand: one execution for one run, however often it is asked for."""

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from quantleap.domain.execution import Due

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

LONGEST_NAME = 80
"""Characters of an execution's name, a limit of Step Functions."""

HASH_LENGTH = 16


class StateMachineStarter:
    """The execution is named after its run, so a second start of the same run is refused by the service."""

    def __init__(self, client: "SFNClient", state_machine_arn: str) -> None:
        self._client = client
        self._arn = state_machine_arn

    def start(self, due: Due, request: Mapping[str, object]) -> None:
        """Start the precision timer for a run; starting it twice is one start."""
        with suppress(self._client.exceptions.ExecutionAlreadyExists):
            self._client.start_execution(
                stateMachineArn=self._arn, name=execution_name(due.run_id), input=json.dumps(request)
            )


def execution_name(run_id: str) -> str:
    """The run's id; a long one is cut, with a hash of the whole at its end."""
    if len(run_id) <= LONGEST_NAME:
        return run_id
    digest = hashlib.sha256(run_id.encode()).hexdigest()[:HASH_LENGTH]
    return f"{run_id[: LONGEST_NAME - HASH_LENGTH - 1]}-{digest}"
