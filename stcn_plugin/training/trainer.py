"""The trainer: network, optimiser and EMA of a run, and the training step."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from stcn_plugin.errors import TrainingError
from stcn_plugin.network.devices import choose_device, choose_precision
from stcn_plugin.network.stcn import STCN
from stcn_plugin.training.batch import Sample
from stcn_plugin.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from stcn_plugin.training.config import TrainingConfig
from stcn_plugin.training.distributed import Group, local_device
from stcn_plugin.training.losses import bootstrapped_cross_entropy, dice_loss, mean_iou, with_background
from stcn_plugin.training.optimisation import bootstrap_fraction, ema_model, learning_rate, parameter_groups
from stcn_plugin.training.rollout import Rollout
from stcn_plugin.weights.reading import LoadedWeights


class Trainer:
    """Trains a network, and saves and restores its state, which has the attributes of `Checkpoint`.

    The schedules end at ``total_steps``, which a run of limited time may change while it trains.

    Args:
        network: From `initial_network`.
        config: The configuration.
        group: The processes of the run.
    """

    def __init__(self, network: STCN, config: TrainingConfig, *, group: Group) -> None:
        self.step = 0
        self.total_steps = config.steps.total
        self.best = -1.0
        self.seconds = 0.0
        self.validated_step = 0
        self.validation_data = ""
        self.device = choose_device(local_device(config.compute.device))
        self.network = network.to(self.device)
        self._config = config
        self._group = group
        decay = config.optimiser.ema_decay
        self._ema = ema_model(self.network, decay=decay) if decay else None
        rollout = Rollout(self.network, precision=_precision(config.compute.precision, self.device))
        self._rollout = group.wrap(rollout, self.device)
        self._trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
        groups = parameter_groups(network, config.optimiser)
        self._optimiser = torch.optim.AdamW(groups, weight_decay=config.optimiser.weight_decay)

    @property
    def weights(self) -> dict[str, Tensor]:
        """State dict to validate and export: the EMA if there is one, otherwise the network."""
        return (self._ema.module if self._ema else self.network).state_dict()

    def exported_weights(self) -> LoadedWeights:
        """Return the weights in half precision: half the file size, without a measurable loss."""
        state = {
            name: tensor.detach().cpu().half() if tensor.is_floating_point() else tensor.cpu()
            for name, tensor in self.weights.items()
        }
        return LoadedWeights(self.network.variant, state, {})

    @property
    def learning_rate(self) -> float:
        """Learning rate of the next step."""
        return learning_rate(self._config.optimiser, self.step, self.total_steps)

    def train_step(self, batch: Sample) -> tuple[float, float]:
        """Run one training step.

        Args:
            batch: Samples of this process.

        Returns:
            The loss, and the mean intersection over union of the predicted masks.

        Raises:
            TrainingError: The gradient is not finite. The weights are unchanged.
        """
        steps = self._config.steps
        (objects,) = self._group.mean([float(batch.present.sum())], self.device)
        for group in self._optimiser.param_groups:
            group["lr"] = self.learning_rate * group["lr_scale"]
        frames, masks, present = (part.to(self.device, non_blocking=True) for part in vars(batch).values())
        logits = self._rollout(frames, masks[:, 0], present)
        target = with_background(masks[:, 1:])
        loss = bootstrapped_cross_entropy(
            logits, target, fraction=bootstrap_fraction(steps, self.step, self.total_steps)
        )
        loss = loss + steps.dice_weight * dice_loss(logits, target, present, objects=objects)
        self._optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = torch.nn.utils.clip_grad_norm_(self._trainable, self._config.optimiser.grad_clip_norm)
        if not bool(norm.isfinite()):  # such a step would turn all weights into NaN, and the next checkpoint too
            raise TrainingError(
                f"the gradient of step {self.step + 1} is not finite",
                fix="Lower optimiser.learning_rate or optimiser.grad_clip_norm, or check for damaged images",
            )
        self._optimiser.step()
        if self._ema:
            self._ema.update_parameters(self.network)
        self.step += 1
        return float(loss.detach()), float(mean_iou(logits, target, present, objects=objects))

    def checkpoint(self) -> Checkpoint:
        """Return the state; its tensors are those of the trainer, and change with the next step."""
        return Checkpoint(
            step=self.step,
            network=self.network.state_dict(),
            ema=self._ema.state_dict() if self._ema else {},
            optimiser=self._optimiser.state_dict(),
            best=self.best,
            seconds=self.seconds,
            validated_step=self.validated_step,
            validation_data=self.validation_data,
        )

    def save(self, folder: Path) -> Path:
        """Replace the checkpoint of the run, and return its path.

        Raises:
            OutputError: It cannot be written. The previous one is kept.
        """
        return save_checkpoint(folder, self.checkpoint())

    def resume(self, folder: Path) -> None:
        """Restore the checkpoint of a run, if there is one.

        Raises:
            TrainingError: It cannot be read, or belongs to another network.
        """
        if (checkpoint := load_checkpoint(folder)) is not None:
            self.restore(checkpoint, where=str(folder))

    def restore(self, checkpoint: Checkpoint, *, where: str) -> None:
        """Restore a state.

        Args:
            checkpoint: The state.
            where: The folder or file that it was read from, for errors.

        Raises:
            TrainingError: It belongs to another network.
        """
        try:
            self.network.load_state_dict(checkpoint.network)
            self._optimiser.load_state_dict(checkpoint.optimiser)
            if self._ema:
                self._ema.load_state_dict(checkpoint.ema)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(
                "the checkpoint belongs to another network, such as that of another version of stcn_plugin",
                where=where,
                fix="Choose another folder with out:, and use the weights in this one as init_weights: if they fit",
            ) from error
        self.step, self.best, self.seconds = checkpoint.step, checkpoint.best, checkpoint.seconds
        self.validated_step, self.validation_data = checkpoint.validated_step, checkpoint.validation_data

    def set_validation_data(self, description: str) -> None:
        """Discard the best score if it was measured on other clips or sizes, since scores would not be comparable."""
        if self.validation_data != description:
            self.best, self.validated_step, self.validation_data = -1.0, 0, description


def _precision(name: str, device: torch.device) -> torch.dtype:
    """Return the number format of encoders and decoder; float32 instead of float16, whose gradients underflow."""
    precision = choose_precision(name, device)
    return torch.float32 if precision is torch.float16 else precision
