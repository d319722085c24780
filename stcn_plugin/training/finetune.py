"""Weights for one show: the keyframes that its artists drew, learnt for a few minutes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from stcn_plugin.errors import TrainingError
from stcn_plugin.network.variants import Variant
from stcn_plugin.shot.model import Shot
from stcn_plugin.training.config import Compute, Data, Mixture, Optimiser, Source, Steps, TrainingConfig
from stcn_plugin.training.keyframe_pictures import write_keyframe_pictures
from stcn_plugin.training.reports import Watcher
from stcn_plugin.training.run import Trained, train
from stcn_plugin.weights.reading import read_weights
from stcn_plugin.weights.store import WeightsStore

BATCH = 4
"""Samples a step."""

_EVER = 1_000_000  # keyframes may lie as far apart as they like


def finetune(
    shots: Sequence[Shot],
    *,
    out: Path,
    steps: int,
    store: WeightsStore,
    watcher: Watcher = Watcher(),
) -> Trained:
    """Train the weights that shots ask for on the shots' own keyframes.

    What tells objects apart stays as it is; how they are remembered and drawn adapts. Steps are few and small: with a
    handful of pictures, more would forget the rest of the world.

    Args:
        shots: Of one show; all name the same weights.
        out: Folder of the run, which is gone on with where it was stopped.
        steps: How many.
        store: Where the weights are found.
        watcher: Told how it is going, and asked whether to go on.

    Raises:
        CancelledError: The watcher said so; a checkpoint was saved.
        STCNError: A shot, its keyframes or its weights are wrong, or the folder cannot be written.
    """
    names = {shot.settings.weights for shot in shots}
    if len(names) != 1:
        raise TrainingError(
            f"the shots ask for different weights: {', '.join(sorted(names))}", fix="Fine-tune one kind at a time"
        )
    start = store.path(names.pop())
    variant = read_weights(start).variant
    out = out.resolve()  # so that a run goes on from whichever folder it is called
    folder = write_keyframe_pictures(shots, out)
    return train(_config(shots, start, variant, folder, out, steps), store=store, watcher=watcher)


def _config(
    shots: Sequence[Shot], start: Path, variant: Variant, folder: Path, out: Path, steps: int
) -> TrainingConfig:
    compute = shots[0].settings.compute
    return TrainingConfig(
        variant=variant.name,
        start=str(start),
        out=str(out),
        description="fine-tuned on keyframes",
        checkpoint_every=50,
        data=Data(clips=(Source(folder=str(folder), licence="the show's own"),), lines=10_000),
        # Two keyframes of a shot are the best there is; a single one can only be moved and bent.
        mixture=Mixture(clips=0.5, frames_as_stills=1.0, composites=0.2, crop_of_short_side=(0.5, 1.0)),
        steps=Steps(total=steps, batch=BATCH, crop=(288,), gap=(_EVER,), hardest=(0.5, 0.25), hardest_from=0.0),
        optimiser=Optimiser(rate=5e-5, warm_up=10, frozen=("key_encoder.",), average=0.98),
        compute=Compute(device=compute.device, precision=compute.precision),
    )
