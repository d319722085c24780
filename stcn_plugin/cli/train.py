"""``stcn train``: train a network from a configuration file."""

from __future__ import annotations

import json
from pathlib import Path

import click

from stcn_plugin.cli.terminal import echo
from stcn_plugin.errors import TrainingError

_EXAMPLES = """
\b
A configuration names the training data and the folder of the run. Everything else has a default:
  init_weights: starter
  out: runs/show
  data:
    clips: [{folder: clips, licence: ours, exclude: [sh030]}]
  validation: {clips: [{folder: clips}], names: [sh030]}
\b
Examples:
  stcn train show.yaml
  stcn train show.yaml --set steps.total=500 --set out=runs/short
  torchrun --nproc-per-node 4 -m stcn_plugin train show.yaml
\b
If a run is interrupted, the same command resumes it from the last checkpoint.
The weights are written to the folder of the run: stcn weights add runs/show/weights.safetensors --name show
"""


def _settings(context: click.Context, _parameter: click.Parameter, is_given: bool) -> None:
    """Print all settings and exit."""
    if not is_given:
        return
    from stcn_plugin.cli.tables import print_table
    from stcn_plugin.config.wording import schema_at, settings_of
    from stcn_plugin.training.config import TrainingConfig
    from stcn_plugin.training.edges.config import EdgeTrainingConfig

    for title, model in (("", TrainingConfig), ("\nWith network: edges", EdgeTrainingConfig)):
        schema = model.model_json_schema()
        nodes = {key: schema_at(schema, tuple(key.split("."))) or {} for key in settings_of(schema)}
        rows = [
            (key, json.dumps(node["default"]) if "default" in node else "required", node["description"])
            for key, node in nodes.items()
        ]
        if title:
            echo(title)
        print_table(("setting", "default", "meaning"), rows, left=3)
    context.exit()


@click.command(epilog=_EXAMPLES)
@click.argument("config", metavar="CONFIG.yaml", type=click.Path(path_type=Path))
@click.option(
    "--set",
    "overrides",
    metavar="KEY=VALUE",
    multiple=True,
    help="Override a setting, such as steps.total=500. Repeatable.",
)
@click.option(
    "--settings",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_settings,
    help="Print all settings with their defaults and exit.",
)
def train(config: Path, overrides: tuple[str, ...]) -> None:
    """Train a network on clips and stills with masks, or the edge network on cut-outs and photos.

    Requires pip install 'stcn-plugin[training]'. Clips are read from FOLDER/<clip>/plates and FOLDER/<clip>/masks,
    stills from FOLDER/plates and FOLDER/masks. A plate and its mask have the same file name.
    """
    require_extra()
    from stcn_plugin.cli.training_progress import progress_watcher
    from stcn_plugin.training import run
    from stcn_plugin.training.config import load_training_config
    from stcn_plugin.training.distributed import is_leader
    from stcn_plugin.training.edges.config import is_edge_config, load_edge_config
    from stcn_plugin.training.edges.run import train_edges
    from stcn_plugin.weights.store import WeightsStore

    if is_edge_config(config, overrides=overrides):
        edge_settings = load_edge_config(config, overrides=overrides)
        with progress_watcher(total=edge_settings.steps.total, batch_size=edge_settings.steps.batch_size) as watcher:
            result = train_edges(edge_settings, store=WeightsStore(), watcher=watcher)
    else:
        settings = load_training_config(config, overrides=overrides)
        with progress_watcher(total=settings.steps.total, batch_size=settings.steps.batch_size) as watcher:
            result = run.train(settings, store=WeightsStore(), watcher=watcher)
    if not is_leader():
        return
    score = f", J&F {result.best:.3f}" if result.best is not None else ""
    echo(f"{result.weights}: {result.step} steps in {result.seconds / 3600:.2f} hours{score}")
    if result.data_wait > 0.05:
        echo(f"{result.data_wait:.0%} of the time was spent waiting for samples: raise compute.workers", err=True)


def require_extra() -> None:
    """Check that the packages for training are installed.

    Raises:
        TrainingError: They are not.
    """
    from importlib.util import find_spec

    if find_spec("matplotlib") is None:
        raise TrainingError("training needs matplotlib", fix="Install it with: pip install 'stcn-plugin[training]'")
