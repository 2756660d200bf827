"""What a cold start of a function takes, beside that of boto3 and one client, which most functions begin with."""

import os
import sys
from collections.abc import Mapping, Sequence

from bench import cold_import, processes, stage
from bench.figures import Figure, Finding, at_most, show, table
from bench.subject import Subject, Tell
from cdk_stack.routes import ROUTES

ROUNDS = 5
BASE = ""
"""As `bench.cold_import` wants it: no handler, boto3 and one client alone."""

HANDLERS = ("partner_auth", *sorted({route.function.replace("-", "_") for route in ROUTES}))
"""Everything a caller of the API may wait for."""

STARTED = {
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "PRECISION_TIMER_ARN": "arn:aws:states:ap-south-1:000000000000:stateMachine:bench",
}
"""What Lambda and the stack tell a function beside what the stage does."""

HOW = """\
Each handler is imported from the folders that are deployed, with their bytecode, in a process of its own, as Lambda
does it before the first request: its settings are read, and every part that any of its routes asks the composition
root for is loaded and built, with the clients of DynamoDB and of whatever other service they call. Beside it, in the
same round, `import boto3` and one client, with their bytecode, as Lambda's runtime has it. Our functions take their
clients from botocore and leave out the rest of boto3 and most of what a client looks for: what they gain by that is in
their figures alone. CPU time without the interpreter's own start; the best of {rounds} rounds, for whoever shares the
machine makes a start slower and never faster. The figure is the slowest handler's.
"""


def measure(tell: Tell) -> Finding:
    """Play the rounds, each handler beside the baseline."""
    rounds: list[dict[str, float]] = []
    with stage.packaged() as folders:
        told = {**stage.told(), **STARTED, "PYTHONPATH": os.pathsep.join(map(str, folders))}
        _spent(BASE, {**told, "PYTHONDONTWRITEBYTECODE": ""})
        told["PYTHONDONTWRITEBYTECODE"] = "1"
        for number in range(1, ROUNDS + 1):
            tell(f"round {number} of {ROUNDS}")
            rounds.append({name: _spent(name, told) for name in (BASE, *HANDLERS)})
    return finding(rounds)


def finding(rounds: Sequence[Mapping[str, float]]) -> Finding:
    """The best of every handler over the best of the baseline."""
    best = {name: min(each[name] for each in rounds) for name in (BASE, *HANDLERS)}
    ratios = {name: best[name] / best[BASE] for name in HANDLERS}
    peer = "`import boto3` and a client, ms"
    figure = Figure("cold_start_ratio", max(ratios.values()), "times", at_most(1.4), peer, best[BASE])
    rows = [(name, show(best[name]), show(ratio)) for name, ratio in ratios.items()]
    shown = table(("handler", "ms of CPU", "times the baseline"), rows)
    return Finding([figure], HOW.format(rounds=ROUNDS).strip(), [shown])


def _spent(handler: str, told: Mapping[str, str]) -> float:
    """Milliseconds of CPU."""
    names = [f"quantleap.handlers.{handler}"] if handler else []
    command = [sys.executable, cold_import.__file__, *names]
    (line,) = processes.lines(command, processes.MEASURED, told)
    return float(line)


SUBJECT = Subject("cold", ("cold_start_ratio",), measure)
