"""A log of JSON lines, such as an asset system or a farm reads."""

from __future__ import annotations

import json
import time
from pathlib import Path


def record(show: Path | None, event: str, **facts: object) -> None:
    """Append an event to the show's log.

    Args:
        show: The show's folder; without one there is no log.
        event: ``started``, ``written``, ``finished`` or ``failed``.
        facts: What is known of it.
    """
    if show is None:
        return
    line = json.dumps({"time": round(time.time(), 3), "event": event, **facts})
    with (show / "mattes.jsonl").open("a", encoding="utf-8") as log:  # one short write: shots may share the file
        log.write(f"{line}\n")
