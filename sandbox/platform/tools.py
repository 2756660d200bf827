"""The CDK command line, started in the background so that two of its runs can overlap."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from sandbox.platform import processes
from sandbox.platform.aws import tool_environment
from sandbox.platform.places import CDK, Places, Ports
from sandbox.platform.processes import Child
from sandbox.problem import Problem


@contextmanager
def cdk(arguments: Sequence[str], places: Places, ports: Ports) -> Iterator[Child]:
    """Run `cdk ...` beside what follows; it is ended when that fails."""
    command = [str(CDK), *arguments, "--no-notices", "--no-color", "--ci"]
    child = processes.spawn(f"cdk-{arguments[0]}", command, tool_environment(ports), places)
    try:
        yield child
    finally:
        processes.end_group(child.process.pid)
        child.process.wait()


def finish(child: Child) -> None:
    """Wait for its end; raise `Problem` with its last words when it failed."""
    if child.process.wait():
        raise Problem(f"{child.name} failed; the end of {child.log}:\n{child.last_words()}")
