"""JSON that strangers have written."""

import json
from typing import Any

DEEPEST = 100  # levels: nothing that is meant has more, and to copy or print thousands is a recursion that fails


def parse_json(text: str | bytes) -> Any:
    """``json.loads``, but brackets nested too deeply are a ``ValueError``, too, as all else that cannot be read. How
    deep ``json`` itself goes depends on the Python: about 1,000 levels in 3.11, as many as the stack holds in 3.14."""
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    check_depth(value)
    return value


def check_depth(value: Any) -> None:
    """Raises ``ValueError`` where parsed JSON is nested too deeply. Level by level: a recursion would fail itself."""
    level = [value]
    for _ in range(DEEPEST):
        level = [inner for outer in level for inner in members(outer) if isinstance(inner, (dict, list))]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def members(value: Any) -> Any:
    """What is directly inside an object or an array; in anything else there is nothing."""
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()
