"""The state of a run, and the step that moves it on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from stcn_plugin.errors import TrainingError
from stcn_plugin.network.devices import choose_device, choose_precision
from stcn_plugin.network.stcn import STCN
from stcn_plugin.training.average import running_average
from stcn_plugin.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from stcn_plugin.training.config import TrainingConfig
from stcn_plugin.training.distributed import Group, own_device
from stcn_plugin.training.losses import hardest_cross_entropy, mean_overlap, overlap_loss, with_background
from stcn_plugin.training.rollout import Rollout
from stcn_plugin.training.samples import Sample
from stcn_plugin.training.schedule import hardest_fraction, learning_rate


class Trainer:
    """A network, its optimiser, and how far they are.

    Args:
        network: From `starting_network`.
        config: The run.
        group: The processes that share it.

    Attributes:
        step: Steps done.
        best: Best validation so far, below any before the first.
        seconds: Time spent on steps so far.
        validated: Step of the last validation, 0 before the first.
        judged_on: What validations are of.
    """

    def __init__(self, network: STCN, config: TrainingConfig, *, group: Group) -> None:
        self.step = 0
        self.best = -1.0
        self.seconds = 0.0
        self.validated = 0
        self.judged_on = ""
        self.device = choose_device(own_device(config.compute.device))
        self.network = network.to(self.device)
        self._config = config
        self._group = group
        decay = config.optimiser.average
        self._average = running_average(self.network, decay=decay) if decay else None
        rollout = Rollout(self.network, precision=_precision(config.compute.precision, self.device))
        self._rollout = group.wrapped(rollout, self.device)
        self._trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        self._optimiser = torch.optim.AdamW(_groups(network, config), weight_decay=config.optimiser.weight_decay)

    @property
    def weights(self) -> dict[str, Tensor]:
        """What is validated and shipped: the running average where there is one, else the network's own."""
        return (self._average.module if self._average else self.network).state_dict()

    @property
    def rate(self) -> float:
        """Learning rate of the step to come."""
        return learning_rate(self._config.optimiser, self.step, self._config.steps.total)

    def take(self, batch: Sample) -> tuple[float, float]:
        """Do one step.

        Args:
            batch: This process's samples of the step.

        Returns:
            The loss, and the mean intersection over union of the predicted masks.

        Raises:
            TrainingError: The gradient is not finite; the weights are still those of before.
        """
        steps = self._config.steps
        (objects,) = self._group.mean([float(batch.present.sum())], self.device)
        for group in self._optimiser.param_groups:
            group["lr"] = self.rate * group["share"]
        frames, masks, present = (part.to(self.device, non_blocking=True) for part in vars(batch).values())
        logits = self._rollout(frames, masks[:, 0], present)
        truth = with_background(masks[:, 1:])
        loss = hardest_cross_entropy(logits, truth, fraction=hardest_fraction(steps, self.step))
        loss = loss + steps.overlap * overlap_loss(logits, truth, present, objects=objects)
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        length = torch.nn.utils.clip_grad_norm_(self._trained, self._config.optimiser.clip)
        if not bool(length.isfinite()):  # one such step makes every weight NaN, and the next checkpoint with it
            raise TrainingError(
                f"the gradient of step {self.step + 1} is not finite",
                fix="Lower optimiser.rate or optimiser.clip, or look for damaged pictures",
            )
        self._optimiser.step()
        if self._average:
            self._average.update_parameters(self.network)
        self.step += 1
        return float(loss.detach()), float(mean_overlap(logits, truth, present, objects=objects))

    def save(self, folder: Path) -> Path:
        """Write a checkpoint in place of the one before; return its file.

        Raises:
            OutputError: It cannot be written; the one before is still there.
        """
        average = self._average.state_dict() if self._average else {}
        state: dict[str, Any] = self._optimiser.state_dict()
        network = self.network.state_dict()
        checkpoint = Checkpoint(
            step=self.step,
            network=network,
            average=average,
            optimiser=state,
            best=self.best,
            seconds=self.seconds,
            validated=self.validated,
            judged_on=self.judged_on,
        )
        return save_checkpoint(folder, checkpoint)

    def resume(self, folder: Path) -> None:
        """Go on from a checkpoint, where there is one.

        Raises:
            TrainingError: It cannot be read, or is of another network.
        """
        checkpoint = load_checkpoint(folder)
        if checkpoint is None:
            return
        try:
            self.network.load_state_dict(checkpoint.network)
            self._optimiser.load_state_dict(checkpoint.optimiser)
            if self._average:
                self._average.load_state_dict(checkpoint.average)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(
                "the checkpoint is of another network, as of another version of stcn_plugin",
                where=str(folder),
                fix="Choose another folder with out:, and start: from the weights in this one where they fit",
            ) from error
        self.step, self.best, self.seconds = checkpoint.step, checkpoint.best, checkpoint.seconds
        self.validated, self.judged_on = checkpoint.validated, checkpoint.judged_on

    def judge_on(self, footage: str) -> None:
        """Forget what validations gave that were of something else: the numbers cannot be compared."""
        if self.judged_on != footage:
            self.best, self.validated, self.judged_on = -1.0, 0, footage


def _precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of encoders and decoder; half floats underflow in gradients, so float32 stands for them."""
    precision = choose_precision(name, device)
    return torch.float32 if precision is torch.float16 else precision


def _groups(network: STCN, config: TrainingConfig) -> list[dict[str, Any]]:
    """Return what is trained, by the share of the learning rate that it gets."""
    trained = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    encoder = [parameter for name, parameter in trained if name.startswith("key_encoder.")]
    others = [parameter for name, parameter in trained if not name.startswith("key_encoder.")]
    groups = [{"params": others, "share": 1.0}, {"params": encoder, "share": config.optimiser.key_encoder}]
    return [group for group in groups if group["params"]]
