"""``stcn finetune``: fine-tune weights on the keyframes of a show."""

from __future__ import annotations

from pathlib import Path

import click

from stcn_plugin.cli.terminal import echo

_EXAMPLES = """
\b
Examples:
  stcn finetune sh010.yaml --name sh010
  stcn finetune shots/*.yaml --name show --steps 400
  stcn propagate sh010.yaml --weights sh010
\b
Checkpoints, curves and a model card are written to a folder (--out). If the run is interrupted, the same command resumes
it.
"""


@click.command(epilog=_EXAMPLES)
@click.argument("shot_files", metavar="SHOT.yaml...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--name", required=True, metavar="NAME", help="Name of the new weights in the weights store.")
@click.option(
    "--steps",
    default=200,
    show_default=True,
    type=click.IntRange(1),
    metavar="N",
    help="Training steps. More steps fit the keyframes better and generalise less.",
)
@click.option(
    "--out",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the run. NAME.finetune by default.",
)
@click.option("--replace", is_flag=True, help="Replace weights of the same name.")
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a setting of the shots, such as weights=starter or compute.device=cuda. Repeatable.",
)
def finetune(
    shot_files: tuple[Path, ...],
    name: str,
    steps: int,
    out: Path | None,
    replace: bool,
    overrides: tuple[str, ...],
) -> None:
    """Fine-tune weights on the keyframes of one shot, or of all shots of a show.

    A few minutes of training on the artists' keyframes improve the frames between them, on footage unlike the training
    data. Requires pip install 'stcn-plugin[training]'.
    """
    from stcn_plugin.cli.train import require_extra

    require_extra()
    from stcn_plugin.cli.training_progress import progress_watcher
    from stcn_plugin.shot.file import load_shot
    from stcn_plugin.training import finetune as tuning
    from stcn_plugin.weights.store import WeightsStore

    store = WeightsStore()
    store.check_name(name, replace=replace)  # before training
    shots = [load_shot(file, overrides=overrides) for file in shot_files]
    folder = out or Path(f"{name}.finetune")
    with progress_watcher(total=steps, batch_size=tuning.BATCH_SIZE) as watcher:
        result = tuning.finetune(shots, out=folder, steps=steps, store=store, watcher=watcher)
    source = f"stcn finetune, from {shots[0].settings.weights}"
    entry = store.add(result.weights, name=name, source=source, replace=replace)
    echo(f"added {entry.name}: {entry.variant} variant, {entry.path}")
    echo(f"Use it with: stcn propagate {shot_files[0]} --weights {name}")
