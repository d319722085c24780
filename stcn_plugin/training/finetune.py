"""Fine-tuning on the keyframes of a show."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stcn_plugin.errors import TrainingError
from stcn_plugin.network.variants import Variant
from stcn_plugin.shot.model import Shot
from stcn_plugin.training.config import Compute, Data, Mixture, Optimiser, Source, Steps, TrainingConfig
from stcn_plugin.training.keyframe_pictures import write_keyframe_pictures
from stcn_plugin.training.reports import Watcher
from stcn_plugin.training.run import TrainingResult, train
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import WeightsStore

BATCH_SIZE = 4
"""Samples per step."""

_ANY_GAP = 1_000_000


def finetune(
    shots: Sequence[Shot],
    *,
    out: Path,
    steps: int,
    store: WeightsStore,
    watcher: Watcher = Watcher(),
) -> TrainingResult:
    """Fine-tune the weights that shots use on the keyframes of these shots.

    The key encoder is frozen; value encoder and decoder adapt. The learning rate is low, because with only a few
    images more training would degrade the weights on everything else.

    Args:
        shots: Shots that use the same weights.
        out: Folder of the run. An interrupted run is resumed.
        steps: Number of training steps.
        store: Store with the initial weights.
        watcher: Callbacks.

    Raises:
        CancelledError: The watcher stopped the run; a checkpoint is saved.
        STCNError: A shot, its keyframes or its weights are invalid, or the folder cannot be written.
    """
    names = {shot.settings.weights for shot in shots}
    if len(names) != 1:
        raise TrainingError(
            f"the shots use different weights: {', '.join(sorted(names))}", fix="Fine-tune one at a time"
        )
    weights = store.path(names.pop())
    variant = read_weights(weights).variant
    out = out.resolve()  # a run can be resumed from any working directory
    folder = write_keyframe_pictures(shots, out)
    return train(_config(shots, weights, variant, folder, out, steps), store=store, watcher=watcher)


def _config(
    shots: Sequence[Shot], weights: Path, variant: Variant, folder: Path, out: Path, steps: int
) -> TrainingConfig:
    compute = shots[0].settings.compute
    return TrainingConfig(
        variant=variant.name,
        init_weights=str(weights),
        out=str(out),
        description="fine-tuned on keyframes",
        checkpoint_every=50,
        data=Data(clips=(Source(folder=str(folder), licence="the show's own"),), short_side=10_000),
        mixture=Mixture(clips=0.5, frames_as_stills=1.0, composites=0.2, crop_scale=(0.5, 1.0)),
        steps=Steps(
            total=steps,
            batch_size=BATCH_SIZE,
            crop_size=(288,),
            frame_gap=(_ANY_GAP,),
            bootstrap_fraction=(0.5, 0.25),
            bootstrap_from=0.0,
        ),
        optimiser=Optimiser(learning_rate=5e-5, warmup_steps=10, frozen=("key_encoder.",), ema_decay=0.98),
        compute=Compute(device=compute.device, precision=compute.precision),
    )
