"""`make transcript`: play the story on the platform that runs, and write what it answers into the pages.

`make reference` makes the tables alone, and needs no platform.
"""

import sys
import time
from functools import partial
from pathlib import Path

from sandbox.client import Client, as_person
from sandbox.platform.places import Places
from sandbox.platform.record import Record
from sandbox.problem import Problem
from sandbox.transcript.pages import differences, write, write_tables
from sandbox.transcript.story import Story

PATIENCE_S = 60
POLL_S = 0.5


def wait_for(partner: Client, run_id: str) -> None:
    """Come back once the run is over; raise `Problem` when that takes too long."""
    patience = time.monotonic() + PATIENCE_S
    while partner.get(f"/partner/executions/{run_id}").expect(200)["status"] != "completed":
        if time.monotonic() > patience:
            raise Problem(f"{run_id} did not end")
        time.sleep(POLL_S)


def played_on(record: Record) -> Story:
    """The story, told by a running platform."""
    story = Story(as_person(record.base_url, record.admin.token), partial(Client, record.base_url), wait_for)
    story.play()
    return story


def main(state: Path) -> None:
    """Write every page anew where any of them no longer says what is so; one recording serves them all."""
    story = played_on(Record.read(Places(state).record))
    if differences(story.exchanges, story.names):
        write(story.exchanges, story.names)


if __name__ == "__main__":
    given = sys.argv[1:] or [".local"]
    write_tables()
    if given != ["tables"]:
        main(Path(given[0]))
