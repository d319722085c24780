"""Stage: training on packed data, for all the time that is left."""

from __future__ import annotations

import io
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import torch
from benchmarks.gpu.pack import Pack
from benchmarks.gpu.parts import joined, write_parts
from benchmarks.gpu.plan import Context
from benchmarks.gpu.resident import load_resident
from benchmarks.gpu.scenes import DeviceScenes
from benchmarks.timings import synchronise
from torch import Tensor

from stcn_plugin.bridge.report import NOT_STATED
from stcn_plugin.errors import TrainingError
from stcn_plugin.network.stcn import STCN
from stcn_plugin.training.card import Provenance
from stcn_plugin.training.checkpoints import Checkpoint
from stcn_plugin.training.config import TrainingConfig
from stcn_plugin.training.distributed import Group
from stcn_plugin.training.history import History
from stcn_plugin.training.initialisation import initial_network
from stcn_plugin.training.optimisation import stage_value
from stcn_plugin.training.reports import StepReport
from stcn_plugin.training.trainer import Trainer
from stcn_plugin.weights.entry import read_metadata
from stcn_plugin.weights.reading import write_weights
from stcn_plugin.weights.store import WeightsStore

CHECKPOINT = "checkpoint.pt"
WEIGHTS = "weights.safetensors"

_MAX_SKIPPED = 5


def train(context: Context) -> None:
    """Train until the time is used up."""
    if context.plan.pack is None:
        context.stage.notes.append("no packed data (--data): nothing was trained")
        return
    _Run(context, Pack(context.plan.pack)).train()


class _Run:
    def __init__(self, context: Context, pack: Pack) -> None:
        plan = context.plan
        self._context = context
        self._pack = pack
        self._config = _config(context, pack)
        self._trainer = Trainer(_network(context, pack, self._config), self._config, group=Group())
        self._resume()
        started = context.budget.clock()
        resident = load_resident(pack, plan.device, threads=len(os.sched_getaffinity(0)))
        synchronise(plan.device)
        seconds = context.budget.clock() - started
        context.stage.notes.append(
            f"{len(resident.clips)} clips and stills, {len(resident.elements)} elements, {len(resident.puppets)} puppets:"
            f" {resident.bytes / 1e6:.0f} MB, decoded in {seconds:.1f} s"
        )
        self._scenes = DeviceScenes(resident, self._config.mixture, seed=self._config.seed + self._trainer.step)
        self._history = History(plan.out, step=self._trainer.step, validated_step=0)
        self._first_step = self._trainer.step
        self._reports: list[StepReport] = []
        self._skipped = 0

    def train(self) -> None:
        context = self._context
        clock = context.budget.clock
        end = context.budget.end - context.plan.reserve_seconds
        started = saved = now = clock()
        duration = 0.0
        try:
            while now + duration < end:
                self._set_length((now - started) / (end - started))
                self._step(now)
                last, now = now, clock()
                duration = now - last
                self._report(duration)
                if now - saved >= context.plan.save_seconds:
                    self._save()
                    saved = now = clock()
        finally:  # also the steps before an error
            if self._reports:
                self._save()

    def _set_length(self, elapsed: float) -> None:
        """Estimate the length of the schedules from the fraction of the time that has elapsed."""
        done = self._trainer.step - self._first_step
        if done:
            self._trainer.total_steps = self._first_step + max(round(done / elapsed), done + 1)

    def _step(self, started: float) -> None:
        """Train on a batch. A few batches in a row may have a gradient that is not finite; they are left out."""
        trainer, steps = self._trainer, self._config.steps
        size = stage_value(steps.crop_size, trainer.step, trainer.total_steps)
        gap = stage_value(steps.frame_gap, trainer.step, trainer.total_steps)
        learning_rate = trainer.learning_rate
        batch = self._scenes.draw(steps.batch_size, size=size, frame_gap=gap)
        synchronise(trainer.device)
        drawn = self._context.budget.clock() - started
        try:
            loss, iou = trainer.train_step(batch)
        except TrainingError as error:
            self._skipped += 1
            self._context.stage.notes.append(str(error))
            if self._skipped > _MAX_SKIPPED:
                raise
            return
        self._skipped = 0
        self._reports.append(StepReport(trainer.step, loss, iou, learning_rate, 0.0, drawn))

    def _report(self, seconds: float) -> None:
        """Complete the report of the last step."""
        self._trainer.seconds += seconds
        if not self._skipped:
            self._reports[-1] = replace(self._reports[-1], seconds=seconds)
            self._history.add(self._reports[-1])

    def _save(self) -> None:
        """Write checkpoint and weights, and add a row for the steps since the last time."""
        plan, trainer, reports = self._context.plan, self._trainer, self._reports
        if reports:
            seconds = sum(report.seconds for report in reports)
            self._context.add(
                {
                    "step": trainer.step,
                    "of about": trainer.total_steps,
                    "samples/s": len(reports) * self._config.steps.batch_size / seconds if seconds else None,
                    "drawing": sum(report.data_seconds for report in reports) / seconds if seconds else None,
                    "loss": fmean(report.loss for report in reports),
                    "IoU": fmean(report.iou for report in reports),
                    "learning rate": reports[-1].learning_rate,
                    "peak GB": _peak_bytes(plan.device) / 1e9,
                }
            )
            self._reports = []
        stream = io.BytesIO()
        torch.save(vars(_compact(trainer.checkpoint())), stream)
        data = stream.getvalue()
        write_parts(plan.out, CHECKPOINT, data, version=trainer.step, limit=plan.max_file_bytes)
        licence = self._pack.contents.initial_licence
        if plan.initial is not None:
            licence = read_metadata(plan.initial).get("license", NOT_STATED)
        provenance = Provenance(self._config, trainer.step, trainer.seconds, str(plan.device), None, licence)
        write_weights(plan.out / WEIGHTS, trainer.exported_weights(), metadata=provenance.metadata())

    def _resume(self) -> None:
        """Continue an earlier run, if there is one."""
        folder = self._context.plan.resume
        if folder is None:
            return
        data = joined(folder, CHECKPOINT)
        if data is None:
            raise FileNotFoundError(f"{folder} has no complete {CHECKPOINT}")
        with tempfile.TemporaryDirectory() as temporary:
            (Path(temporary) / CHECKPOINT).write_bytes(data)
            self._trainer.resume(Path(temporary))


def _config(context: Context, pack: Pack) -> TrainingConfig:
    """Return the configuration of a pack, for this device and batch size."""
    config, plan = pack.contents.config, context.plan
    steps = config.steps.model_copy(update={"batch_size": plan.batch_size} if plan.batch_size else {})
    compute = config.compute.model_copy(update={"device": str(plan.device)})
    return config.model_copy(update={"steps": steps, "compute": compute})


def _network(context: Context, pack: Pack, config: TrainingConfig) -> STCN:
    """Return the initial network."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / WEIGHTS
        file.write_bytes(pack.weights)
        initial = context.plan.initial or file
        # The pack's weights include those that the configuration initialises the key encoder with.
        own = config.model_copy(update={"init_weights": str(initial), "init_key_encoder": None})
        return initial_network(own, store=WeightsStore())


def _compact(checkpoint: Checkpoint) -> Checkpoint:
    """Return a checkpoint with the optimiser and the EMA in bfloat16: five ninths of the size."""
    optimiser = checkpoint.optimiser
    state = {
        number: {name: _halved(value) for name, value in entry.items()} for number, entry in optimiser["state"].items()
    }
    ema = {name: _halved(value) for name, value in checkpoint.ema.items()}
    return replace(checkpoint, ema=ema, optimiser={**optimiser, "state": state})


def _halved(value: Tensor) -> Tensor:
    return value.bfloat16() if value.is_floating_point() and value.dim() else value


def _peak_bytes(device: torch.device) -> int:
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else 0
