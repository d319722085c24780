"""A training run, from its first step or its last checkpoint to the exported weights."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from stcn_plugin.atomic import write_atomic
from stcn_plugin.bridge.report import NOT_STATED
from stcn_plugin.errors import CancelledError, STCNError
from stcn_plugin.training.card import Provenance
from stcn_plugin.training.config import TrainingConfig, Validation
from stcn_plugin.training.distributed import Group, process_group
from stcn_plugin.training.history import History
from stcn_plugin.training.initialisation import initial_network
from stcn_plugin.training.loading import batches, find_sources
from stcn_plugin.training.pictures import Clip
from stcn_plugin.training.reports import StepReport, ValidationReport, Watcher
from stcn_plugin.training.run_folder import CARD, WEIGHTS, run_folder
from stcn_plugin.training.scenes import Sources
from stcn_plugin.training.trainer import Trainer
from stcn_plugin.training.validation import find_validation_clips, validate
from stcn_plugin.weights.entry import read_metadata
from stcn_plugin.weights.reading import LoadedWeights, read_weights, write_weights
from stcn_plugin.weights.store import WeightsStore

_MAY_CHANGE = ("out", "description", "checkpoint_every", "validation", "compute")


@dataclass(frozen=True)
class TrainingResult:
    """Result of a run.

    Args:
        weights: File of the weights.
        best: Best validation score; ``None`` without validation.
        step: Completed steps.
        seconds: Training time, including that before the run was resumed.
        data_wait: Fraction of the time, since the run was started or resumed, spent waiting for samples.
    """

    weights: Path
    best: float | None
    step: int
    seconds: float
    data_wait: float


def train(config: TrainingConfig, *, store: WeightsStore, watcher: Watcher = Watcher()) -> TrainingResult:
    """Train until the last step. If the folder of the run has a checkpoint, the run is resumed.

    Args:
        config: From `load_training_config`.
        store: Store of the initial weights.
        watcher: Callbacks.

    Raises:
        CancelledError: The watcher stopped the run; a checkpoint is saved.
        TrainingError: The data, the configuration or the checkpoint is invalid.
        WeightsError: The initial weights are missing or damaged.
        OutputError: The folder of the run cannot be written.
    """
    if config.compute.threads:
        torch.set_num_threads(config.compute.threads)
    with process_group(config.steps.batch_size, device=config.compute.device) as group:
        sources, clips = find_sources(config.data), find_validation_clips(config.validation)
        with run_folder(Path(config.out), config, may_change=_MAY_CHANGE) if group.is_leader else nullcontext():
            group.barrier()
            return _Run(config, sources, clips, store, watcher, group).train()


class _Run:
    def __init__(
        self,
        config: TrainingConfig,
        sources: Sources,
        clips: Sequence[Clip],
        store: WeightsStore,
        watcher: Watcher,
        group: Group,
    ) -> None:
        self._config = config
        self._watcher = watcher
        self._group = group
        self._folder = Path(config.out)
        self._sources = sources
        self._clips = clips
        weights = store.path(config.init_weights) if config.init_weights else None
        self._init_licence = read_metadata(weights).get("license", NOT_STATED) if weights else ""
        self._trainer = Trainer(initial_network(config, store=store), config, group=group)
        self._trainer.resume(self._folder)
        self._trainer.set_validation_data(_validation_data(config.validation, self._clips))
        step, validated_step = self._trainer.step, self._trainer.validated_step
        self._history = History(self._folder, step=step, validated_step=validated_step) if group.is_leader else None
        self._data_seconds = self._seconds = 0.0
        self._is_first_batch = True  # it includes the start of the data loader processes

    def train(self) -> TrainingResult:
        trainer, config = self._trainer, self._config
        if self._group.is_leader:
            self._watcher.on_start(trainer.step)
        if trainer.step:
            self._validate_resumed()
        rank, world_size = self._group.rank, self._group.size
        with batches(config, self._sources, first_step=trainer.step, rank=rank, world_size=world_size) as loaded:
            start = time.perf_counter()
            for batch in loaded:
                ready = time.perf_counter()
                learning_rate = trainer.learning_rate
                values = [*trainer.train_step(batch), float(self._watcher.is_stopped())]
                loss, iou, stopped = self._group.mean(values, trainer.device)
                now = time.perf_counter()
                self._report(StepReport(trainer.step, loss, iou, learning_rate, now - start, ready - start))
                self._validate_and_save(stopped=stopped > 0)
                start = time.perf_counter()
        return self._finish()

    def _report(self, report: StepReport) -> None:
        self._trainer.seconds += report.seconds
        self._seconds += report.seconds
        self._data_seconds += 0.0 if self._is_first_batch else report.data_seconds
        self._is_first_batch = False
        if self._history:
            self._history.add(report)
            self._watcher.on_step(report)

    def _validate_and_save(self, *, stopped: bool) -> None:
        """Validate and save if due, then stop if requested and steps are left."""
        config, step = self._config, self._trainer.step
        is_last = step == config.steps.total
        stops = stopped and not is_last
        if not stops:  # stop without delay; a skipped validation is done when the run is resumed
            self._validate_if_due()
        if is_last or stops or step % config.checkpoint_every == 0:
            self._save()
        self._group.barrier()
        if stops:
            raise CancelledError(
                f"stopped after step {step} of {config.steps.total}; the checkpoint is saved",
                fix="Run the same command again to resume",
            )

    def _validate_resumed(self) -> None:
        """Do a validation that was skipped or failed before the run was resumed."""
        if self._validate_if_due():
            self._save()
        self._group.barrier()

    def _save(self) -> None:
        if self._group.is_leader:
            self._watcher.on_saved(self._trainer.save(self._folder))

    def _validate_if_due(self) -> bool:
        """Validate if due and not done yet; return whether a validation ran."""
        config, trainer = self._config, self._trainer
        is_due = trainer.step == config.steps.total or trainer.step % config.validation.every == 0
        if not self._history or not self._clips or not is_due or trainer.validated_step == trainer.step:
            return False
        try:
            self._validate(self._history)
        except STCNError:
            self._save()  # a clip that cannot be read must not cost the steps since the last checkpoint
            raise
        return True

    def _validate(self, history: History) -> None:
        config, trainer = self._config, self._trainer
        weights = trainer.exported_weights()
        validation, compute = config.validation, config.compute
        report = validate(weights, self._clips, validation=validation, compute=compute, step=trainer.step)
        if report.mean > trainer.best:
            trainer.best = report.mean
            self._export(weights, report)
        trainer.validated_step = trainer.step
        history.add_validation(report)
        self._watcher.on_validation(report)

    def _export(self, weights: LoadedWeights, validation: ValidationReport | None) -> None:
        """Write weights and model card."""
        config, trainer = self._config, self._trainer
        device = str(trainer.device)
        provenance = Provenance(config, trainer.step, trainer.seconds, device, validation, self._init_licence)
        file = self._folder / WEIGHTS
        write_weights(file, weights, metadata=provenance.metadata())
        card = provenance.markdown(name=file.name, size=file.stat().st_size)
        write_atomic(self._folder / CARD, card.encode("utf-8"))

    def _finish(self) -> TrainingResult:
        trainer, file = self._trainer, self._folder / WEIGHTS
        if self._history:
            if not self._clips:
                self._export(trainer.exported_weights(), None)
            self._history.draw()
            read_weights(file)  # check that they can be read
        self._group.barrier()
        data_wait = self._data_seconds / self._seconds if self._seconds else 0.0
        return TrainingResult(file, trainer.best if self._clips else None, trainer.step, trainer.seconds, data_wait)


def _validation_data(validation: Validation, clips: Sequence[Clip]) -> str:
    """Describe what scores are measured on; scores with another description are not comparable."""
    return f"{validation.size} lines, {validation.frames or 'all'} frames of {', '.join(clip.name for clip in clips)}"
