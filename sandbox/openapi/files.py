"""The document as files: for partners to read and import, and for the API to serve."""

import json
from collections.abc import Mapping
from pathlib import Path

import yaml

from quantleap.runtime.described import FILE
from sandbox.openapi.document import document
from sandbox.openapi.postman import collection


def files(partner_docs: Path) -> Mapping[Path, str]:
    """Every file's text."""
    whole = json.loads(json.dumps(document()))
    return {
        FILE: json.dumps(whole, separators=(",", ":"), ensure_ascii=False) + "\n",
        partner_docs / "openapi.json": json.dumps(whole, indent=2, ensure_ascii=False) + "\n",
        partner_docs / "openapi.yaml": yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=120),
        partner_docs / "postman_collection.json": json.dumps(collection(whole), indent=2, ensure_ascii=False) + "\n",
    }
