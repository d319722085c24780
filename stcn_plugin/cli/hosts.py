"""``stcn hosts``: checks of host plugins."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import click

from stcn_plugin.atomic import output_errors
from stcn_plugin.bridge.conformance import SCENARIOS, check_host, load_module
from stcn_plugin.cli.terminal import echo

_EXAMPLES = """
\b
Examples:
  stcn hosts check examples/host/sample_host.py
  stcn hosts check my_studio.my_host --only update --keep /tmp/check
"""


@click.group()
def hosts() -> None:
    """Check host plugins."""


@hosts.command(epilog=_EXAMPLES)
@click.argument("module", metavar="MODULE|FILE")
@click.option(
    "--only",
    "scenarios",
    metavar="SCENARIO",
    multiple=True,
    type=click.Choice(list(SCENARIOS)),
    help=f"Run only this scenario: {', '.join(SCENARIOS)}. Repeatable.",
)
@click.option(
    "--worker",
    metavar="PYTHON",
    default=sys.executable,
    show_default="this Python",
    help="Python of the worker.",
)
@click.option(
    "--keep",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder for the plates and mattes of the check, which are kept. By default, a temporary folder.",
)
@click.option("--verbose", "-v", is_flag=True, help="Print the output of the host as well, to stderr.")
@click.pass_context
def check(
    context: click.Context, module: str, scenarios: Sequence[str], worker: str, folder: Path | None, verbose: bool
) -> None:
    """Run a host plugin through jobs as an artist does, and report what it does wrong.

    MODULE defines new_script(), which opens a new script of the tool: see docs/how-to/write-a-host.md. Each scenario
    runs jobs on a small shot with a real worker. The exit code is 1 if the host breaks a rule.
    """
    from stcn_plugin.bridge.client import WorkerClient
    from stcn_plugin.bridge.launch import WorkerLaunch

    new_script = load_module(module)
    broken = 0
    with _folder(folder) as place, WorkerClient(WorkerLaunch(worker)) as client:
        results = check_host(
            new_script, client, folder=place, scenarios=scenarios or list(SCENARIOS), difference=_difference
        )
        while True:
            with _output_of_host(is_shown=verbose):
                result = next(results, None)
            if result is None:
                break
            broken += len(result.findings)
            echo(f"{result.scenario}: {'failed' if result.findings else 'ok'}")
            for finding in result.findings:
                echo(f"  {finding}")
    if broken:
        echo(f"{broken} problem{'s' if broken > 1 else ''} found", err=True)
    context.exit(1 if broken else 0)


@contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    if chosen is not None:
        with output_errors(chosen):
            chosen.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=chosen):  # shows that files can be written there
                pass
        yield chosen
        return
    with tempfile.TemporaryDirectory(prefix="stcn-check-") as folder:
        yield Path(folder)


@contextmanager
def _output_of_host(*, is_shown: bool) -> Iterator[None]:
    """Keep what a host prints out of the results."""
    target = sys.stderr if is_shown else StringIO()
    with redirect_stdout(target), nullcontext() if is_shown else redirect_stderr(target):
        yield


def _difference(file: str, layer: str, picture: str) -> float:
    """Return the mean difference of a layer from the artist's picture, 0 to 1."""
    import numpy as np

    from stcn_plugin.media.matte_reader import MatteFile, Source

    mattes, drawn = MatteFile(Source(Path(file))), MatteFile(Source(Path(picture)))
    found = mattes.objects([layer])[layer] if layer in mattes.layer_names else mattes.matte()
    wanted = drawn.matte()
    if found.pixels.shape != wanted.pixels.shape:
        return 1.0
    return float(np.abs(found.pixels.astype(np.float64) - wanted.pixels).mean())
