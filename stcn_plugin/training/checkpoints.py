"""Checkpoints: the state of a run, written atomically, with tensors and plain values only."""

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
    """Everything needed to resume a run with identical results.

    There is no random state: a sample depends only on the seed and its number. If images are added to the data
    folders, the samples change.

    Args:
        step: Completed steps.
        network: State dict of the network.
        ema: State dict of the EMA, empty without one.
        optimiser: State dict of the optimiser.
        best: Best validation score, -1 before the first.
        seconds: Training time.
        validated_step: Step of the last validation, 0 before the first.
        validation_data: Clips and sizes that the scores were measured on.
    """

    step: int
    network: dict[str, Tensor]
    ema: dict[str, Tensor]
    optimiser: dict[str, Any]
    best: float
    seconds: float
    validated_step: int = 0
    validation_data: str = ""


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> Path:
    """Replace the checkpoint of a run, and return its path.

    Raises:
        OutputError: It cannot be written. The previous one is kept.
    """
    file = folder / _NAME
    write_atomic(file, lambda stream: torch.save(vars(checkpoint), stream))
    return file


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """Return the checkpoint of a run, or ``None``.

    Raises:
        TrainingError: It cannot be read.
    """
    file = folder / _NAME
    if not file.exists():
        return None
    try:
        return Checkpoint(**torch.load(file, map_location="cpu", weights_only=True))
    except (OSError, MemoryError) as error:  # not a sign of damage
        fix = "Check disk and memory, then run the same command again"
        raise TrainingError(f"the checkpoint cannot be read now ({error})", where=str(file), fix=fix) from error
    except Exception as error:
        raise TrainingError("the checkpoint is damaged", where=str(file), fix="Delete it to start again") from error
