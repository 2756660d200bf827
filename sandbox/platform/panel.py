"""The short page that ends a start. Nothing of it is wrapped, so everything can be copied."""

from rich.console import Console

from sandbox.platform.places import Places
from sandbox.platform.record import Record


def show(console: Console, record: Record, places: Places) -> None:
    """Addresses, credentials, a line to paste, and the way out."""
    console.rule("[bold green]QuantLeap is up[/]", style="green")
    for name, value in _facts(record, places).items():
        console.print(f"[dim]{name:<16}[/] {value}", soft_wrap=True, highlight=False)
    console.print("\n[dim]try it:[/]")
    console.print(curl(record), soft_wrap=True, highlight=False, markup=False)
    console.rule(style="green")
    console.print("[dim]`make demo` plays a trading day. Ctrl-C ends everything; the data is kept.[/]")


def _facts(record: Record, places: Places) -> dict[str, str]:
    return {
        "API": record.base_url,
        "partner key": record.partner.api_key,
        "partner secret": record.partner.api_secret,
        "admin": f"{record.admin.email}  {record.admin.password}",
        "user": f"{record.user.email}  {record.user.password}",
        "broker": record.broker_url,
        "tokens and all": str(places.record),
        "logs": str(places.logs),
    }


def curl(record: Record) -> str:
    """A first request, whole."""
    partner = record.partner
    return (
        f"curl -H 'Authorization: Bearer {partner.api_key}' -H 'X-Partner-Secret: {partner.api_secret}' "
        f"{record.base_url}/partner/marketplace/templates"
    )
