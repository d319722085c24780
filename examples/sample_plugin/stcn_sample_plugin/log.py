"""A log of JSON lines, which an asset system or a farm could read."""

from __future__ import annotations

import json
import time
from pathlib import Path


def record(show: Path | None, event: str, **facts: object) -> None:
    """Append an event to the show's log.

    Args:
        show: The show's folder; ``None`` writes nothing.
        event: ``started``, ``written``, ``finished`` or ``failed``.
        facts: Details of the event.
    """
    if show is None:
        return
    line = json.dumps({"time": round(time.time(), 3), "event": event, **facts})
    with (show / "mattes.jsonl").open("a", encoding="utf-8") as log:  # one short write: shots may share the file
        log.write(f"{line}\n")
