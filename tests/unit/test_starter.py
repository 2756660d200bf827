"""One execution of the state machine for one run, however often it is asked for."""

from typing import Any

from quantleap.adapters.starter import StateMachineStarter
from quantleap.domain.runs import asked, exit_of
from tests.builders import NINE_TWENTY, a_plan


class StepFunctions:
    """Refuses a name it has seen, as the service does once such an execution has ended or its input differs."""

    class exceptions:  # noqa: N801 - boto3's name
        class ExecutionAlreadyExists(Exception):
            pass

    def __init__(self) -> None:
        self.started: dict[str, str] = {}

    def start_execution(self, *, stateMachineArn: str, name: str, input: str) -> None:  # noqa: A002, N803 - boto3's names
        if name in self.started:
            raise self.exceptions.ExecutionAlreadyExists
        self.started[name] = input


def test_a_run_that_is_started_twice_is_started_once() -> None:
    client: Any = StepFunctions()
    due = exit_of(a_plan().due, NINE_TWENTY, (0,), only="incomplete")
    for _ in range(2):
        StateMachineStarter(client, "arn").start(due, asked(due))

    (name,) = client.started
    assert name.startswith(due.run_id[:60])
