"""The command line of the GPU kit."""

from __future__ import annotations

from pathlib import Path

import click


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
