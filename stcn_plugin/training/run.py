"""A training run from its first step, or from its last checkpoint, to weights that can be used."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml

from stcn_plugin.atomic import Outputs, write_atomic
from stcn_plugin.bridge.job import NOT_STATED
from stcn_plugin.errors import CancelledError, STCNError, TrainingError
from stcn_plugin.network.variants import VARIANTS
from stcn_plugin.training.card import Origins
from stcn_plugin.training.config import TrainingConfig, Validation
from stcn_plugin.training.distributed import Group, joined_group
from stcn_plugin.training.history import History
from stcn_plugin.training.loading import batches, find_sources
from stcn_plugin.training.pictures import Clip
from stcn_plugin.training.reports import StepReport, Watcher
from stcn_plugin.training.starting import starting_network
from stcn_plugin.training.trainer import Trainer
from stcn_plugin.training.validation import ValidationReport, find_validation_clips, validate
from stcn_plugin.weights.entry import read_metadata
from stcn_plugin.weights.reading import LoadedWeights, read_weights, write_weights
from stcn_plugin.weights.store import WeightsStore

WEIGHTS = "weights.safetensors"
"""Name of the weights in the folder of a run: the best of all validations, without validation the last."""

CARD = "MODEL_CARD.md"
"""Name of the model card beside them."""

_SETTINGS = "config.yaml"
_MAY_CHANGE = ("out", "description", "checkpoint_every", "validation", "compute")


@dataclass(frozen=True)
class Trained:
    """What a run gave.

    Args:
        weights: File of the weights.
        best: Their validation; ``None`` where there was none.
        step: Steps done.
        seconds: Time that the steps took, those of earlier sittings too.
        waited: Share of this sitting's time that the network waited for samples.
    """

    weights: Path
    best: float | None
    step: int
    seconds: float
    waited: float


def train(config: TrainingConfig, *, store: WeightsStore, watcher: Watcher = Watcher()) -> Trained:
    """Train until the last step; go on from the run's checkpoint where there is one.

    Args:
        config: The run, from `load_training_config`.
        store: Where weights to start from are found by name.
        watcher: Told how it is going, and asked whether to go on.

    Raises:
        CancelledError: The watcher said so; a checkpoint was saved.
        TrainingError: The data, the configuration or the checkpoint is wrong.
        WeightsError: The weights to start from are not to be had.
        OutputError: The folder of the run cannot be written.
    """
    if config.compute.threads:
        torch.set_num_threads(config.compute.threads)
    with joined_group(config.steps.batch, device=config.compute.device) as group:
        return _Run(config, store, watcher, group).go()


class _Run:
    def __init__(self, config: TrainingConfig, store: WeightsStore, watcher: Watcher, group: Group) -> None:
        self._config = config
        self._watcher = watcher
        self._group = group
        self._folder = Path(config.out)
        self._sources = find_sources(config.data)
        self._clips: Sequence[Clip] = find_validation_clips(config.validation)
        if group.leads:
            _settle(self._folder, config)
        group.wait()
        start = store.path(config.start) if config.start else None
        self._start_licence = read_metadata(start).get("license", NOT_STATED) if start else ""
        self._trainer = Trainer(starting_network(config, store=store), config, group=group)
        self._trainer.resume(self._folder)
        self._trainer.judge_on(_footage(config.validation, self._clips))
        done, validated = self._trainer.step, self._trainer.validated
        self._history = History(self._folder, step=done, validated=validated) if group.leads else None
        self._waited = self._spent = 0.0
        self._waits_for_start = True  # the first batch takes as long as a process needs to begin

    def go(self) -> Trained:
        trainer, config = self._trainer, self._config
        if self._group.leads:
            self._watcher.on_start(trainer.step)
        if trainer.step:
            self._make_up()
        rank, world = self._group.rank, self._group.size
        with batches(config, self._sources, first_step=trainer.step, rank=rank, world=world) as prepared:
            before = time.perf_counter()
            for batch in prepared:
                ready = time.perf_counter()
                rate = trainer.rate
                said = [*trainer.take(batch), float(self._watcher.is_stopped())]
                loss, overlap, stopped = self._group.mean(said, trainer.device)
                now = time.perf_counter()
                self._tell(StepReport(trainer.step, loss, overlap, rate, now - before, ready - before))
                self._keep(stopped=stopped > 0)
                before = time.perf_counter()
        return self._finished()

    def _tell(self, report: StepReport) -> None:
        self._trainer.seconds += report.seconds
        self._spent += report.seconds
        self._waited += 0.0 if self._waits_for_start else report.waited
        self._waits_for_start = False
        if self._history:
            self._history.add(report)
            self._watcher.on_step(report)

    def _keep(self, *, stopped: bool) -> None:
        """Validate and save where it is time to; stop where that was asked for, unless this was the last step anyway."""
        config, step = self._config, self._trainer.step
        is_last = step == config.steps.total
        stops = stopped and not is_last
        if not stops:  # who stops a run does not want to wait; it is made up for when the run goes on
            self._validate_if_due()
        if is_last or stops or step % config.checkpoint_every == 0:
            self._save()
        self._group.wait()
        if stops:
            again = "Start the same command again to go on"
            raise CancelledError(
                f"stopped after step {step} of {config.steps.total}; the checkpoint is saved", fix=again
            )

    def _make_up(self) -> None:
        """Validate what the sitting before was stopped at, or could not be validated then."""
        if self._validate_if_due():
            self._save()
        self._group.wait()

    def _save(self) -> None:
        if self._group.leads:
            self._watcher.on_saved(self._trainer.save(self._folder))

    def _validate_if_due(self) -> bool:
        """Validate where it is time to and was not done yet; tell whether it was."""
        config, trainer = self._config, self._trainer
        is_time = trainer.step == config.steps.total or trainer.step % config.validation.every == 0
        if not self._history or not self._clips or not is_time or trainer.validated == trainer.step:
            return False
        try:
            self._validate(self._history)
        except STCNError:
            self._save()  # hours of steps are not lost to a clip that cannot be read
            raise
        return True

    def _validate(self, history: History) -> None:
        config, trainer = self._config, self._trainer
        weights = self._shipped()  # what is shipped is what is judged
        validation, compute = config.validation, config.compute
        report = validate(weights, self._clips, validation=validation, compute=compute, step=trainer.step)
        if report.mean > trainer.best:
            trainer.best = report.mean
            self._export(weights, report)
        trainer.validated = trainer.step
        history.add_validation(report)
        self._watcher.on_validation(report)

    def _shipped(self) -> LoadedWeights:
        """Return the weights in half precision, which costs nothing that can be measured and halves the file."""
        halves = {
            name: tensor.detach().cpu().half() if tensor.is_floating_point() else tensor.cpu()
            for name, tensor in self._trainer.weights.items()
        }
        return LoadedWeights(VARIANTS[self._config.variant], halves, {})

    def _export(self, weights: LoadedWeights, validation: ValidationReport | None) -> None:
        """Write weights and their model card."""
        config, trainer = self._config, self._trainer
        device = str(trainer.device)
        origins = Origins(config, trainer.step, trainer.seconds, device, validation, self._start_licence)
        file = self._folder / WEIGHTS
        write_weights(file, weights, metadata=origins.metadata())
        card = origins.markdown(name=file.name, size=file.stat().st_size)
        write_atomic(self._folder / CARD, card.encode("utf-8"))

    def _finished(self) -> Trained:
        trainer, file = self._trainer, self._folder / WEIGHTS
        if self._history:
            if not self._clips:
                self._export(self._shipped(), None)
            self._history.draw()
            read_weights(file)  # what cannot be read back is no result
        self._group.wait()
        waited = self._waited / self._spent if self._spent else 0.0
        return Trained(file, trainer.best if self._clips else None, trainer.step, trainer.seconds, waited)


def _settle(folder: Path, config: TrainingConfig) -> None:
    """Make the run's folder and write its configuration there; refuse to go on a run that was another.

    Raises:
        TrainingError: The folder holds a run with other settings.
        OutputError: It cannot be written.
    """
    Outputs().prepare([folder / name for name in (_SETTINGS, WEIGHTS, CARD)])
    file = folder / _SETTINGS
    said = config.model_dump(mode="json")
    if file.exists():
        before = yaml.safe_load(file.read_text("utf-8"))
        if before == said:
            return
        if not isinstance(before, dict):
            fix = "Write the settings of the run there again, or delete it if they are those of this command"
            raise TrainingError("the settings of the run in this folder are damaged", where=str(file), fix=fix)
        changed = sorted(key for key in said if key not in _MAY_CHANGE and said[key] != before.get(key))
        if changed:
            raise TrainingError(
                f"the run in this folder has other settings in {', '.join(changed)}",
                where=str(folder),
                fix="Choose another folder with out:, or delete this one to start anew",
            )
    text = yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
    write_atomic(file, text.encode("utf-8"))


def _footage(validation: Validation, clips: Sequence[Clip]) -> str:
    """Say what is validated on, and how; scores of anything else are no comparison."""
    return f"{validation.lines} lines, {validation.frames or 'all'} frames of {', '.join(clip.name for clip in clips)}"
