"""A training run of the edge network, from its first step or its last checkpoint to the exported weights."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stcn_plugin import environment
from stcn_plugin.errors import CancelledError, TrainingError
from stcn_plugin.network.devices import choose_device, choose_precision
from stcn_plugin.network.edges import EdgeNetwork, levelled
from stcn_plugin.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from stcn_plugin.training.edges.config import EdgeTrainingConfig
from stcn_plugin.training.edges.losses import band, edge_loss, errors
from stcn_plugin.training.edges.making import Scenes, scenes_in_the_making
from stcn_plugin.training.edges.pool import Pool
from stcn_plugin.training.edges.reports import EdgeStepReport, EdgeValidationReport
from stcn_plugin.training.history import History
from stcn_plugin.training.optimisation import ema_model, learning_rate
from stcn_plugin.training.reports import Watcher
from stcn_plugin.training.run import TrainingResult
from stcn_plugin.training.run_folder import WEIGHTS, run_folder
from stcn_plugin.weights.edges import load_edge_network, write_edge_weights
from stcn_plugin.weights.store import WeightsStore

_STEPS_BETWEEN_LOOKS = 100
"""Steps between two looks at which scenes are complete."""

_VALIDATION_PATCHES = 16
"""Patches of each held-out scene."""

_MAY_CHANGE = ("out", "description", "licence", "checkpoint_every", "steps", "scenes", "compute")


def train_edges(config: EdgeTrainingConfig, *, store: WeightsStore, watcher: Watcher = Watcher()) -> TrainingResult:
    """Train until the last step. If the folder of the run has a checkpoint, the run is resumed.

    Which scenes a step sees depends on how many are complete by then, so two runs differ slightly.

    Args:
        config: From `load_edge_config`.
        store: Store of the weights of the propagation.
        watcher: Callbacks.

    Raises:
        CancelledError: The watcher stopped the run; a checkpoint is saved.
        TrainingError: The data, the configuration or the checkpoint is invalid.
        WeightsError: The weights of the propagation are missing or damaged.
        OutputError: A folder cannot be written.
    """
    if int(environment.WORLD_SIZE.value() or 1) > 1:
        raise TrainingError("the edge network is trained by one process", fix="Run stcn train without torchrun")
    if config.compute.threads:
        torch.set_num_threads(config.compute.threads)
    with run_folder(Path(config.out), config, may_change=_MAY_CHANGE):
        Path(config.scenes.folder).mkdir(parents=True, exist_ok=True)
        with scenes_in_the_making(config, store) as scenes:
            return _Run(config, scenes, watcher).train()


class _Run:
    def __init__(self, config: EdgeTrainingConfig, scenes: Scenes, watcher: Watcher) -> None:
        self._config = config
        self._scenes = scenes
        self._watcher = watcher
        self._folder = Path(config.out)
        self._device = choose_device(config.compute.device)
        self._precision = choose_precision(config.compute.precision, self._device)
        torch.manual_seed(config.seed)
        self._network = EdgeNetwork().to(self._device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._ema = ema_model(self._network, decay=config.optimiser.ema_decay)
        self._optimiser = torch.optim.AdamW(self._network.parameters(), weight_decay=config.optimiser.weight_decay)
        self._step, self._validated_step, self._seconds, self._best = 0, 0, 0.0, float("inf")
        self._resume()
        self._history = History(self._folder, step=self._step, validated_step=self._validated_step)

    def train(self) -> TrainingResult:
        config = self._config
        self._watcher.on_start(self._step)
        if not self._scenes.wait(self._watcher.is_stopped):
            raise self._stopped()
        waited = total = 0.0
        pool = Pool(self._scenes.files())
        while self._step < config.steps.total:
            start = time.perf_counter()
            if self._step % _STEPS_BETWEEN_LOOKS == 0:
                pool = Pool(self._scenes.files())
            rng = np.random.default_rng([config.seed, self._step])
            samples, conditions = pool.batch(rng, config.steps.batch_size, crop=config.steps.crop_size)
            ready = time.perf_counter()
            rate = learning_rate(config.optimiser, self._step, config.steps.total)
            loss, error = self._train_step(samples.to(self._device), conditions.to(self._device), rate)
            seconds = time.perf_counter() - start
            self._seconds += seconds
            waited, total = waited + ready - start, total + seconds
            report = EdgeStepReport(self._step, loss, error, rate, seconds, ready - start)
            self._history.add(report)
            self._watcher.on_step(report)
            self._validate_and_save()
        self._history.draw()
        file = self._folder / WEIGHTS
        load_edge_network(file)  # check that it can be read
        return TrainingResult(file, None, self._step, self._seconds, waited / total if total else 0.0)

    def _train_step(self, samples: Tensor, conditions: Tensor, rate: float) -> tuple[float, float]:
        """Run one step; return the loss, and the squared error relative to that of the coarse mattes."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        rgb, probability, alpha = samples[:, :3], samples[:, 3:4], samples[:, 4:]
        inside = band(probability, conditions)
        with self._autocast():
            predicted = self._network(rgb, probability, conditions)
        loss = edge_loss(predicted.float(), alpha, inside)
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self._network.parameters(), self._config.optimiser.grad_clip_norm)
        if not bool(norm.isfinite()):
            fix = "Lower optimiser.learning_rate or optimiser.grad_clip_norm"
            raise TrainingError(f"the gradient of step {self._step + 1} is not finite", fix=fix)
        self._optimiser.step()
        self._ema.update_parameters(self._network)
        self._step += 1
        refined = errors(predicted.detach().float().clamp(0, 1), alpha, inside)
        return float(loss.detach()), refined.mse / max(errors(levelled(probability), alpha, inside).mse, 1e-9)

    @contextmanager
    def _autocast(self) -> Iterator[None]:
        precision = torch.bfloat16 if self._precision is torch.float16 else self._precision
        with torch.autocast(self._device.type, precision, enabled=precision is not torch.float32):
            yield

    def _validate_and_save(self) -> None:
        """Validate and save if due, then stop if requested and steps are left."""
        config = self._config
        is_last = self._step == config.steps.total
        stops = self._watcher.is_stopped() and not is_last
        if config.validation.scenes and not stops and (is_last or self._step % config.validation.every == 0):
            report = self._validate()
            self._best, self._validated_step = min(self._best, report.mean), self._step
            self._history.add_validation(report)
            self._watcher.on_validation(report)
        if is_last or stops or self._step % config.checkpoint_every == 0:
            self._watcher.on_saved(self._save())
        if stops:
            raise self._stopped()

    @torch.inference_mode()
    def _validate(self) -> EdgeValidationReport:
        pool = Pool(self._scenes.files(held_out=True))
        samples, conditions = pool.all(_VALIDATION_PATCHES, crop=self._config.steps.crop_size)
        probability, alpha = samples[:, 3:4], samples[:, 4:]
        network = self._ema.module
        refined = torch.cat(
            [
                network(part[:, :3].to(self._device), part[:, 3:4].to(self._device), own.to(self._device)).cpu()
                for part, own in zip(torch.split(samples, 16), torch.split(conditions, 16), strict=True)
            ]
        )
        inside = band(probability, conditions)
        own = errors(refined.clamp(0, 1), alpha, inside)
        return EdgeValidationReport(self._step, own, errors(levelled(probability), alpha, inside))

    def _save(self) -> Path:
        """Write the checkpoint and the weights."""
        checkpoint = Checkpoint(
            step=self._step,
            network=self._network.state_dict(),
            ema=self._ema.state_dict(),
            optimiser=self._optimiser.state_dict(),
            best=self._best,
            seconds=self._seconds,
            validated_step=self._validated_step,
        )
        write_edge_weights(self._folder / WEIGHTS, self._ema.module.state_dict(), metadata=self._metadata())
        return save_checkpoint(self._folder, checkpoint)

    def _metadata(self) -> dict[str, str]:
        """Return licence and provenance for the weights."""
        config = self._config
        sources = [*config.data.elements, *config.data.photos]
        return {
            "license": config.licence,
            "source": f"stcn train, {self._step} steps of {config.steps.batch_size} patches, {self._seconds / 3600:.1f} hours",
            "data": "; ".join(f"{Path(each.folder).name} ({each.licence})" for each in sources),
            "coarse_mattes": config.scenes.weights,
            **({"title": config.description} if config.description else {}),
            **(
                {"validation": f"squared error {self._best:.3f} of that of the coarse matte"}
                if self._validated_step
                else {}
            ),
        }

    def _resume(self) -> None:
        checkpoint = load_checkpoint(self._folder)
        if checkpoint is None:
            return
        try:
            self._network.load_state_dict(checkpoint.network)
            self._ema.load_state_dict(checkpoint.ema)
            self._optimiser.load_state_dict(checkpoint.optimiser)
        except (RuntimeError, ValueError) as error:
            what = "the checkpoint belongs to another network, such as that of another version of stcn_plugin"
            raise TrainingError(what, where=str(self._folder), fix="Choose another folder with out:") from error
        self._step, self._seconds = checkpoint.step, checkpoint.seconds
        self._best, self._validated_step = checkpoint.best, checkpoint.validated_step

    def _stopped(self) -> CancelledError:
        return CancelledError(
            f"stopped after step {self._step} of {self._config.steps.total}; the checkpoint is saved",
            fix="Run the same command again to resume",
        )
