"""`make run`: everything up, in order; everything down again, whatever happens."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

from rich.console import Console

from sandbox.platform import lock, panel, processes, servers, signals
from sandbox.platform.aws import connect, forget_own_aws
from sandbox.platform.checks import check_ports, check_tools
from sandbox.platform.places import Places, Ports
from sandbox.platform.processes import Child
from sandbox.platform.record import Record
from sandbox.platform.seed import seed, sign_in_again
from sandbox.platform.stack import deploy
from sandbox.platform.steps import Steps
from sandbox.problem import Problem

CHECK_S = 0.5
TOKENS_RENEWED_S = 1800
"""They live for an hour."""


def run(places: Places, ports: Ports, console: Console) -> None:
    """Start, show how to use it, and stay until asked to end."""
    with suppress(signals.Ended), signals.raising(), platform(places, ports, console) as (record, children):
        panel.show(console, record, places)
        while True:
            _stay(children, TOKENS_RENEWED_S)
            sign_in_again(connect(ports.gateway_url), record, places)


@contextmanager
def platform(places: Places, ports: Ports, console: Console) -> Iterator[tuple[Record, Sequence[Child]]]:
    """The platform while it is up. Nothing is started unless everything it needs is there."""
    check_tools()
    forget_own_aws()
    steps = Steps(console)
    with lock.held(places):
        if ended := processes.end_leftovers(places):
            console.print(f"ended {ended} processes of an earlier start", style="dim")
        check_ports(ports)
        with _servers(places, ports, steps) as children:
            aws = connect(ports.gateway_url)
            stack = deploy(aws, places, ports, steps)
            with steps.step("sign everybody in, seed the marketplace"):
                record = seed(aws, stack, places, ports)
            yield record, children


@contextmanager
def _servers(places: Places, ports: Ports, steps: Steps) -> Iterator[Sequence[Child]]:
    with ExitStack() as started:
        started.callback(processes.forget, places)
        with steps.step("start the AWS emulator and the broker"):
            emulator = servers.start_emulator(places, ports)
            started.callback(_stop, emulator, steps)
            broker = servers.start_broker(places, ports)
            started.callback(_stop, broker, steps)
            servers.wait_until_up(emulator, f"{ports.gateway_url}/_ministack/health")
            servers.wait_until_up(broker, f"{ports.broker_url}/control/health")
        yield emulator, broker


def _stop(child: Child, steps: Steps) -> None:
    with steps.step(f"stop the {child.name}"):
        child.stop()


def _stay(children: Sequence[Child], seconds: float) -> None:
    """Come back after that time; raise `Problem` when one of the programs ended by itself."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(CHECK_S)
        for child in children:
            if not child.alive:
                raise Problem(f"the {child.name} ended by itself; the end of {child.log}:\n{child.last_words()}")
