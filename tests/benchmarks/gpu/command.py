"""The command line of the GPU kit."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import click

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_STAGES = ("golden outputs", "speed", "CUDA graphs", "memory limits", "training")


@click.group()
def gpu() -> None:
    """Measure and train on a GPU within a few minutes; see docs/benchmarks.md."""


@gpu.command("pack")
@click.argument("config", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--max-mib", default=44.0, show_default=True, help="Maximum size of the file")
@click.option("--clip-frames", default=8, show_default=True, help="Maximum number of pictures of a clip")
@click.option("--element-frames", default=6, show_default=True, help="Maximum number of images of an animated element")
@click.option("--puppets", default=400, show_default=True, help="Number of random figures")
@click.option("--seed", default=0, show_default=True, help="Selects the images that are packed")
def pack_command(
    config: Path, out: Path, *, max_mib: float, clip_frames: int, element_frames: int, puppets: int, seed: int
) -> None:
    """Pack the images and initial weights of a training configuration as one file OUT."""
    from benchmarks.gpu.packing import Limits, pack  # needs OpenImageIO, which a run does not

    from stcn_plugin.training.config import load_training_config
    from stcn_plugin.weights.store import WeightsStore

    limits = Limits(int(max_mib * (1 << 20)), clip_frames, element_frames, puppets)
    sizes = pack(load_training_config(config), out, limits=limits, store=WeightsStore(), seed=seed)
    for name, size in sizes.items():
        click.echo(f"{size / (1 << 20):6.1f} MiB  {Path(name).name}")
    click.echo(f"{out.stat().st_size / (1 << 20):6.1f} MiB  {out}")


@gpu.command("run")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Folder for the results [default: $OUT]")
@click.option("--data", type=_FILE, help="Packed training data. Without it, nothing is trained")
@click.option("--minutes", default=9.0, show_default=True, help="Time for everything")
@click.option("--device", default="auto", show_default=True, help="auto, cuda, cuda:1 or cpu")
@click.option("--published", type=_FOLDER, help="A checkout of the published STCN code to compare with")
@click.option("--weights", multiple=True, type=_FILE, help="Weights for their variant; repeatable")
@click.option("--initial", type=_FILE, help="Initial weights of the training, instead of those in the data")
@click.option("--resume", type=_FOLDER, help="Continue the training of which this folder has the checkpoint")
@click.option("--batch-size", type=int, help="Samples per training step, instead of that of the configuration")
@click.option("--variant", "variants", multiple=True, help="Variants to measure; repeatable [default: all]")
@click.option("--size", "sizes", multiple=True, type=int, help="Internal sizes; repeatable [default: 480, 1080]")
@click.option("--objects", multiple=True, type=int, help="Numbers of objects; repeatable [default: 1, 3, 10]")
@click.option("--frames", default=24, show_default=True, help="Frames of a measured shot")
@click.option("--repeat", default=3, show_default=True, help="Runs of each case")
@click.option("--only", "stages", multiple=True, type=click.Choice(_STAGES), help="Stages to run; repeatable")
def run_command(
    *,
    out: Path | None,
    device: str,
    weights: Sequence[Path],
    variants: Sequence[str],
    sizes: Sequence[int],
    objects: Sequence[int],
    stages: Sequence[str],
    **settings: object,
) -> None:
    """Measure on a device, then train for the time that is left. Results are written while it runs."""
    folder = out or (Path(os.environ["OUT"]) if "OUT" in os.environ else None)
    if folder is None:
        raise click.UsageError("--out is missing, and $OUT is not set")
    from benchmarks.gpu.kit import run
    from benchmarks.gpu.plan import make_plan

    lists = {"variants": variants, "sizes": sizes, "objects": objects}
    chosen = {name: tuple(values) for name, values in lists.items() if values}
    plan = make_plan(device, folder, weights, **chosen, **settings)
    results = run(
        plan,
        stages=stages or _STAGES,
        on_stage=lambda stage: click.echo(f"{stage.name}: {stage.status}, {stage.seconds:.0f} s"),
    )
    click.echo(results.text())
    if any(stage.status == "failed" for stage in results.stages):
        raise SystemExit(1)
