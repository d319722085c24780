"""The state of a run on disk: whole or not at all, and tensors and numbers only."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stcn_plugin.atomic import write_atomic
from stcn_plugin.errors import TrainingError

_NAME = "checkpoint.pt"


@dataclass(frozen=True)
class Checkpoint:
    """Everything that a run needs to go on as if it had never stopped.

    There is no generator's state: every sample is drawn from the seed and its own number, and nothing else is left to
    chance; so pictures that are added to its folders meanwhile make it another run.

    Args:
        step: Steps done.
        network: State dict.
        average: State dict of the running average, empty where there is none.
        optimiser: State dict.
        best: Best validation so far, below any before the first.
        seconds: Time spent so far.
        validated: Step of the last validation, 0 before the first.
        judged_on: What validations were of.
    """

    step: int
    network: dict[str, Tensor]
    average: dict[str, Tensor]
    optimiser: dict[str, Any]
    best: float
    seconds: float
    validated: int = 0
    judged_on: str = ""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint in place of the one before; return its file.

    Raises:
        OutputError: It cannot be written; the one before is still there.
    """
    file = folder / _NAME
    write_atomic(file, lambda stream: torch.save(vars(checkpoint), stream))
    return file


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint of a run, ``None`` where there is none.

    Raises:
        TrainingError: It cannot be read.
    """
    file = folder / _NAME
    if not file.exists():
        return None
    try:
        return Checkpoint(**torch.load(file, map_location="cpu", weights_only=True))
    except (OSError, MemoryError) as error:  # nothing is wrong with the file, as far as one knows
        fix = "Check the disk and the memory, and start the same command again"
        raise TrainingError(f"the checkpoint cannot be read now ({error})", where=str(file), fix=fix) from error
    except Exception as error:
        raise TrainingError("the checkpoint is damaged", where=str(file), fix="Delete it to start anew") from error
