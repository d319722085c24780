"""What a run does, and what its stages share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from benchmarks.gpu.budget import Budget
from benchmarks.gpu.results import Results, Row, StageResult
from golden.comparing import LITE_CASES, PUBLISHED_CASES, GoldenCase

from stcn_plugin.network.devices import choose_device
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import builtin_files


@dataclass(frozen=True)
class Plan:
    """What a run measures and trains.

    Args:
        device: The device.
        out: Folder for results, checkpoint and weights.
        minutes: Time for everything.
        weights: Variant to the file of its weights; other variants get random ones.
        published: A checkout of the published code to compare with.
        pack: The packed training data; without it, nothing is trained.
        initial: Initial weights instead of those in the pack.
        resume: Folder with the checkpoint of an earlier run to continue.
        batch_size: Samples per training step; ``None`` takes that of the configuration.
        sizes: Internal sizes to measure, in lines.
        objects: Numbers of objects to measure.
        variants: Variants to measure.
        frames: Frames of a measured shot.
        repeat: Runs of each case, alternating.
        golden: Golden cases.
        memory_mib: Limits of the memory beyond what the network takes, in MiB.
        max_file_bytes: Size above which a checkpoint is written in several files.
        save_seconds: Seconds between checkpoints.
        reserve_seconds: Seconds before the end at which training stops, for the last checkpoint.
    """

    device: torch.device
    out: Path
    minutes: float = 9.0
    weights: Mapping[str, Path] = field(default_factory=dict)
    published: Path | None = None
    pack: Path | None = None
    initial: Path | None = None
    resume: Path | None = None
    batch_size: int | None = None
    sizes: tuple[int, ...] = (480, 1080)
    objects: tuple[int, ...] = (1, 3, 10)
    variants: tuple[str, ...] = ("light", "lite", "published")
    frames: int = 24
    repeat: int = 3
    golden: tuple[GoldenCase, ...] = (*PUBLISHED_CASES, *LITE_CASES)
    memory_mib: tuple[int, ...] = (4096, 1024, 256, 64, 16)
    max_file_bytes: int = 15 << 20
    save_seconds: float = 60.0
    reserve_seconds: float = 15.0


@dataclass(frozen=True)
class Context:
    """What a stage gets.

    Args:
        plan: The plan.
        budget: Its time.
        stage: Its results.
        results: Results of the run.
    """

    plan: Plan
    budget: Budget
    stage: StageResult
    results: Results

    @property
    def has_time(self) -> bool:
        """Whether time is left. The first time that there is none is noted."""
        if self.budget.left > 0:
            return True
        note = "stopped early: its part of the time is used up"
        if note not in self.stage.notes:
            self.stage.notes.append(note)
        return False

    def add(self, row: Row) -> None:
        """Add a row to the results, and write them."""
        self.results.add(self.stage, row)


def make_plan(device: str, out: Path, weights: Sequence[Path], **settings: Any) -> Plan:
    """Return a plan.

    Args:
        device: Name of the device, as ``compute.device`` in a preset.
        out: Folder for the results.
        weights: Weights for their variants, instead of the starter weights that are there.
        settings: Other fields of the plan; ``data`` is its pack.

    Raises:
        DeviceError: The device does not exist.
        WeightsError: Weights cannot be read.
    """
    files = [path for path in builtin_files().values() if path.exists()]
    by_variant: dict[str, Path] = {read_weights(path).variant.name: path for path in (*reversed(files), *weights)}
    pack = settings.pop("data", None)
    return Plan(choose_device(device), out, weights=by_variant, pack=pack, **settings)


Stage = Callable[[Context], None]
