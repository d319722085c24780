"""Which script is open: a job takes minutes, and all scripts call their nodes alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import nuke

from stcn_nuke.knob_texts import text_of


@final
class JobScript:
    """The script that is open now, to be known again when the job is done.

    A node that is still there tells more than the script's name: the artist may save it under another one.

    Args:
        names: Names of nodes in it, those that are there.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._file = _file()
        self._nodes = [node for node in map(nuke.toNode, names) if node is not None]

    def is_open(self) -> bool:
        """Tell whether this script is open still, or again."""
        return any(map(_is_there, self._nodes)) or (self._file != "" and _file() == self._file)


def _file() -> str:
    """Return the script's file, empty where it was never saved."""
    return text_of(nuke.root()["name"])


def _is_there(node: nuke.Node) -> bool:
    try:
        node.name()
    except ValueError:  # what Nuke says of a node that was deleted, or that went with its script
        return False
    return True
