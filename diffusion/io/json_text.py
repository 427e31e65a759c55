"""JSON that strangers have written."""

import json
from typing import Any


def parse_json(text: str | bytes) -> Any:
    """``json.loads``, but brackets nested too deeply are a ``ValueError``, too, as all else that cannot be read."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
