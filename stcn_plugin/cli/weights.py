"""``stcn weights``: list, add, fetch, check and remove weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stcn_plugin.cli.tables import print_table
from stcn_plugin.cli.terminal import echo

if TYPE_CHECKING:
    from stcn_plugin.weights.store import WeightsStore

_in_store = click.option(
    "--store",
    "folder",
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Weights store. By default $STCN_WEIGHTS_DIR or, if that is not set, a folder in the user's data folder.",
)
_replace = click.option("--replace", is_flag=True, help="Replace weights of the same name.")


@click.group()
def weights() -> None:
    """List, add, fetch, check and remove weights. Only fetch downloads anything."""


@weights.command("list")
@_in_store
def list_command(folder: Path | None) -> None:
    """List all weights, with their licence and source."""
    store = _store(folder)
    rows = [
        (
            entry.name,
            entry.problem or entry.variant or "not recorded",
            f"{entry.size / 1e6:.1f} MB",
            entry.added or "-",
            entry.licence,
            entry.source or "-",
        )
        for entry in store.entries()
    ]
    print_table(("name", "variant", "size", "added", "licence", "source"), rows, left=6)
    echo(f"store: {store.folder}")


@weights.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--name", metavar="NAME", help="Name of the weights. The file's name by default.")
@click.option("--licence", metavar="TEXT", help="Licence of the weights. By default, the licence stated in the file.")
@_replace
@_in_store
def add(file: Path, name: str | None, licence: str | None, replace: bool, folder: Path | None) -> None:
    """Add a .safetensors file, an official .pth file or a training checkpoint to the store.

    Every entry of the file is checked. Nothing in it is executed.
    """
    entry = _store(folder).add(file, name=name, licence=licence, replace=replace)
    _print_added(entry.name, entry.variant, entry.note, entry.path)


@weights.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Download without asking.")
@click.option("--mirror", metavar="URL", help="Download from this https address instead of the authors' release page.")
@click.option(
    "--sha256", metavar="HEX", help="Hash that the file must have. By default, the hash of the first download."
)
@_replace
@_in_store
def fetch(name: str, yes: bool, mirror: str | None, sha256: str | None, replace: bool, folder: Path | None) -> None:
    """Download published weights: stcn_s0 or stcn_s01.

    stcn_s012 (the best) and stcn_s03 can only be downloaded in a browser. For these, the command prints the address and
    how to add the file.

    The authors publish no hashes. The store keeps the hash of the first download and later refuses a different file.
    """
    from stcn_plugin.weights.fetching import fetch as fetch_weights

    with _progress(name) as progress:
        entry = fetch_weights(
            _store(folder),
            name,
            confirm=lambda question: yes or click.confirm(question, err=True),
            progress=progress,
            base_url=mirror,
            sha256=sha256,
            replace=replace,
        )
    _print_added(entry.name, entry.variant, entry.note, entry.path)
    echo(f"sha256: {entry.sha256}")


@weights.command()
@click.argument("names", metavar="[NAME]...", nargs=-1)
@_in_store
@click.pass_context
def check(context: click.Context, names: tuple[str, ...], folder: Path | None) -> None:
    """Read weights completely and compare their hashes. Exits with 1 if any has a problem."""
    wrong = False
    for entry, problem in _store(folder).check(names):
        wrong = wrong or bool(problem)
        recorded = "" if entry.content else ", no hash was recorded"
        echo(
            f"{entry.name}: {problem}" if problem else f"{entry.name}: ok, {entry.variant}{recorded}", err=bool(problem)
        )
    if wrong:
        context.exit(1)


@weights.command()
@click.argument("name")
@_in_store
def remove(name: str, folder: Path | None) -> None:
    """Delete weights from the store."""
    _store(folder).remove(name)
    echo(f"removed {name}")


def _store(folder: Path | None) -> WeightsStore:
    from stcn_plugin.studio import studio_hooks, weights_store

    return weights_store(studio_hooks(), folder)


def _print_added(name: str, variant: str, note: str, path: Path) -> None:
    echo(f"added {name}: {variant} variant, {path}")
    if note:
        echo(f"note: {note}")


@contextmanager
def _progress(name: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show a download on stderr: a bar on a terminal, a line every tenth elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(name)
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    bar = Progress(*columns, console=console)
    task = bar.add_task(name, total=None)

    def show(done: int, total: int | None) -> None:
        bar.start()  # not before the first bytes, because it would overwrite the prompt
        bar.update(task, completed=done, total=total)

    try:
        yield show
    finally:
        bar.stop()


class _Lines:
    """Prints a line after every tenth of the download, or every 10 MB if its size is unknown."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._step = 0

    def __call__(self, done: int, total: int | None) -> None:
        step = done * 10 // total if total else done // 10_000_000
        if step > self._step:
            self._step = step
            of = f" of {total / 1e6:.1f}" if total else ""
            echo(f"{self._name}: {done / 1e6:.1f}{of} MB", err=True)
