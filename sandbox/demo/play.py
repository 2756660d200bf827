"""`make demo`."""

import time
from collections.abc import Mapping
from typing import Any

from rich.console import Console

from sandbox.client import Client
from sandbox.demo.journey import Journey
from sandbox.demo.teller import Teller
from sandbox.platform.places import Places
from sandbox.platform.record import Record
from sandbox.problem import Problem


def play(places: Places, console: Console, broker_id: str) -> None:
    """Play the journey at a broker, on the platform that runs on this folder; raises `Problem` when anything is off."""
    record = Record.read(places.record)
    offered = _offered(Client(record.base_url), broker_id)
    began = time.monotonic()
    teller = Teller(console)
    found = _play(Journey(record, teller, offered), teller)
    if found:
        raise Problem(f"{len(found)} thing(s) are off")
    console.print(f"\n[bold green]All as it should be, in {time.monotonic() - began:.0f} s.[/]")


def _offered(anybody: Client, broker_id: str) -> Mapping[str, Any]:
    """The broker as the platform describes it."""
    brokers = {each["broker_name"]: each for each in anybody.get("/brokers").expect(200)["brokers"]}
    if broker_id not in brokers:
        raise Problem(f"{broker_id} is no broker: use one of {', '.join(brokers)}")
    broker: Mapping[str, Any] = brokers[broker_id]
    return broker


def _play(journey: Journey, teller: Teller) -> list[str]:
    teller.part("The marketplace opens")
    journey.publish()
    teller.part("A user joins")
    journey.subscribe()
    teller.part("The boundary")
    found = journey.compare(journey.trade())
    teller.part("The close")
    found += journey.close()
    teller.part("A pause")
    found += journey.pause()
    for each in found:
        teller.complain(each)
    teller.part("The end")
    journey.tidy()
    return found
