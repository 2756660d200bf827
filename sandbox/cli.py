"""`python -m sandbox run|demo|logs`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from botocore.exceptions import BotoCoreError, ClientError
from rich.console import Console
from rich.markup import escape

from sandbox.client import as_person
from sandbox.demo.play import play
from sandbox.platform.aws import connect
from sandbox.platform.function_logs import lines
from sandbox.platform.places import Places, Ports
from sandbox.platform.record import Record
from sandbox.platform.run import run as run_platform
from sandbox.platform.seed import create_partner_key
from sandbox.problem import Problem

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="The local platform.", pretty_exceptions_enable=False
)

Port = Annotated[int, typer.Option(help="The first port; others follow from it.")]
Broker = Annotated[str, typer.Option(help="The broker that the demo's user trades at.")]
State = Annotated[Path, typer.Option(help="The folder of all local state.")]


@app.command()
def run(port: Port = 4566, state: State = Path(".local")) -> None:
    """Start the platform, deploy the stack to it, and stay until Ctrl-C."""
    with _one_line_on_trouble():
        run_platform(Places(state), Ports.following(port), _console())


@app.command()
def demo(port: Port = 4566, state: State = Path(".local"), broker: Broker = "zebu") -> None:  # noqa: ARG001 - `make` tells every command both
    """Play a trading day on the running platform; the folder says where that is."""
    with _one_line_on_trouble():
        play(Places(state), _console(), broker)


@app.command()
def key(
    state: State = Path(".local"),
    per_minute: Annotated[int, typer.Option(help="Requests a minute.")] = 60,
    permission: Annotated[list[str] | None, typer.Option(help="What it may do; all, if none is named.")] = None,
    address: Annotated[list[str] | None, typer.Option(help="Where it may be used; anywhere, if none is named.")] = None,
    redirect: Annotated[list[str] | None, typer.Option(help="Where logins may return to, if not as usual.")] = None,
) -> None:
    """Issue a test key of the partner, to try limits, permissions and address lists with."""
    with _one_line_on_trouble():
        record = Record.read(Places(state).record)
        wanted: dict[str, object] = {"rate_limits": {"requests_per_minute": per_minute}}
        wanted |= {"permissions": permission} if permission else {}
        wanted |= {"allowed_ips": address} if address else {}
        wanted |= {"redirect_urls": redirect} if redirect else {}
        made = create_partner_key(as_person(record.base_url, record.admin.token), **wanted)
        typer.echo(f"KEY={made.api_key}\nSECRET={made.api_secret}")


@app.command()
def logs(function: str = typer.Argument("", help="A part of its name."), state: State = Path(".local")) -> None:
    """Show what the functions of the running platform wrote."""
    with _one_line_on_trouble():
        for line in lines(connect(Record.read(Places(state).record).aws_endpoint_url), function):
            typer.echo(line)


@contextmanager
def _one_line_on_trouble() -> Iterator[None]:
    try:
        yield
    except Problem as problem:
        _fail(str(problem))
    except (BotoCoreError, ClientError) as error:
        _fail(f"the AWS emulator did not do what was asked: {error}")


def _fail(line: str) -> NoReturn:
    Console(stderr=True).print(f"[red]✗[/] {escape(line)}", soft_wrap=True, highlight=False)
    raise typer.Exit(1) from None


def _console() -> Console:
    return Console(highlight=False)
