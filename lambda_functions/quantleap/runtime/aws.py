"""Where clients of AWS come from: one session for all of a function's.

Before botocore makes a client it finds out which of its 400 services have a description of each kind it is about to
read, by looking into every folder of every one of them: 2,600 questions to the file system, 14 of the 38 ms that a
client takes. We ask for services that exist, so the folders' names are enough.
"""

import os
from functools import cache

import boto3
import botocore.session
from botocore.loaders import Loader


class Descriptions(Loader):
    """What botocore knows of each service, found where it always lies; whoever asks for another is told by its name."""

    def list_available_services(self, type_name: str) -> list[str]:  # noqa: ARG002 - what is missing is missed when read
        """The services that have a folder."""
        with os.scandir(self.BUILTIN_DATA_PATH) as folders:
            return [folder.name for folder in folders]


@cache
def session() -> boto3.Session:
    """The session, made when the first client is."""
    found = botocore.session.get_session()
    found.register_component("data_loader", Descriptions())
    return boto3.Session(botocore_session=found)
