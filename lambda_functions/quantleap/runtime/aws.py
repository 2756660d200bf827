"""Where clients of AWS come from: botocore's own, as boto3 makes them, at a fraction of what it takes boto3.

boto3 imports what moves files to S3 and builds its resources, of which no function needs anything. And before botocore
makes a client it finds out which of its 400 services have a description of each kind it is about to read, by looking
into every folder of every one of them: 2,600 questions to the file system. We ask for services that exist, so the
folders' names are enough. Together that was 25 of the 145 ms that boto3 and its first client take.
"""

import os
from functools import cache
from typing import Any

from botocore.config import Config
from botocore.loaders import Loader
from botocore.session import Session, get_session


class Descriptions(Loader):
    """What botocore knows of each service, found where it always lies."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - what is missing is missed when read
        """The services that have a folder."""
        with os.scandir(self.BUILTIN_DATA_PATH) as folders:
            return [folder.name for folder in folders]


def client(service: str, config: Config) -> Any:  # noqa: ANN401 - each service's client is a class made for it
    """A new client of a service; whoever asks says of which type."""
    return session().create_client(service, config=config)


@cache
def session() -> Session:
    """Clients share its credentials and what it has read."""
    made = get_session()
    made.register_component("data_loader", Descriptions())
    return made
