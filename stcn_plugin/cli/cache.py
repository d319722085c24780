"""``stcn cache``: lists the caches of shots, and frees their space."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, final

import click

from stcn_plugin.bridge.signals import exit_code
from stcn_plugin.cli.job_options import expand_shot_files
from stcn_plugin.cli.terminal import echo, echo_message
from stcn_plugin.errors import STCNError

if TYPE_CHECKING:
    from stcn_plugin.cache.claims import Claim
    from stcn_plugin.cache.folder import CacheFile, CacheFolder

# The libraries are imported inside the commands, to keep `stcn cache --help` fast.

CommandT = TypeVar("CommandT", bound="Callable[..., object] | click.Command")

_OPTIONS = (
    click.option("--preset", metavar="NAME", help="Preset that the shots are run with, if it has the setting `cache`."),
    click.option(
        "--set",
        "overrides",
        metavar="KEY=VALUE",
        multiple=True,
        help="A setting or key that the shots are run with, such as cache=/fast/caches. Repeatable.",
    ),
    click.option(
        "--plugin", "plugins", metavar="MODULE|FILE", multiple=True, help="Studio plugin to load. Repeatable."
    ),
)


def _cache_options(command: CommandT) -> CommandT:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.group()
def cache() -> None:
    """List and clear the caches of shots.

    The cache of a shot holds the network's results, so that the next run does only what has changed. It is the folder
    NAME.stcn-cache beside the mattes, unless the setting `cache` names another place.
    """


@cache.command("list")
@click.argument("places", metavar="[SHOT.yaml|FOLDER]...", nargs=-1)
@_cache_options
@click.option("--json", "is_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def list_command(
    context: click.Context,
    places: Sequence[str],
    preset: str | None,
    overrides: Sequence[str],
    plugins: Sequence[str],
    is_json: bool,
) -> None:
    """List caches with their frames, sizes and jobs.

    Lists the cached frames of each pass, the size, the time of the last change, and the jobs that are at work. Takes shot
    files and folders. A folder is searched with its subfolders; the current one by default.
    """
    from stcn_plugin.cache.claims import active_claims

    errors = _Errors()
    rows = []
    for shot, folder in _find(places or ["."], preset, overrides, plugins, errors):
        with errors.reported():
            rows.append(_Contents(shot, folder, folder.files(), active_claims(folder)))
    if is_json:
        echo(json.dumps({"caches": [row.fields() for row in rows]}))
    elif rows:
        _print_table(rows)
    elif not errors.codes:
        echo("no caches found")
    context.exit(errors.status)


@cache.command()
@click.argument("places", metavar="SHOT.yaml|FOLDER...", nargs=-1, required=True)
@_cache_options
@click.option(
    "--all",
    "all_files",
    is_flag=True,
    help="Also delete the records of what each matte was made from, so that the next run makes all mattes again.",
)
@click.pass_context
def clear(
    context: click.Context,
    places: Sequence[str],
    preset: str | None,
    overrides: Sequence[str],
    plugins: Sequence[str],
    all_files: bool,
) -> None:
    """Delete the network's results, but not the mattes.

    Takes shot files and folders. A folder is searched with its subfolders.

    Mattes that are up to date remain so. After a change of matte settings, the next run needs the network again. If a
    job is using a cache, nothing in it is deleted, and the exit code is 75. Links, and files that stcn has not
    written, are never deleted.
    """
    from stcn_plugin.bridge.summaries import size_text
    from stcn_plugin.cache.clearing import clear as clear_cache

    errors = _Errors()
    for _, folder in _find(places, preset, overrides, plugins, errors):
        with errors.reported():
            freed = clear_cache(folder, all_files=all_files)
            echo(f"{folder.path}: {f'freed {size_text(freed)}' if freed else 'nothing to delete'}")
    context.exit(errors.status)


@final
class _Errors:
    """Prints errors, and determines the exit code."""

    def __init__(self) -> None:
        self.codes: set[int] = set()

    def report(self, error: STCNError) -> None:
        """Print an error; the command goes on."""
        echo_message(str(error))
        self.codes.add(exit_code(error))

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Print an error of the body; the command goes on."""
        try:
            yield
        except STCNError as error:
            self.report(error)

    @property
    def status(self) -> int:
        """The exit code: `TRY_AGAIN` only if it is that of every error."""
        return min(self.codes, default=0)


def _find(
    places: Sequence[str], preset: str | None, overrides: Sequence[str], plugins: Sequence[str], errors: _Errors
) -> list[tuple[str | None, CacheFolder]]:
    """Return the caches of shots and in folders, each once and with the shot file that was given for it."""
    from stcn_plugin.cache.clearing import caches_below
    from stcn_plugin.cache.folder import CacheFolder
    from stcn_plugin.config.layers import Layer, override_layer, value_layer
    from stcn_plugin.shot.layers import ShotLayers
    from stcn_plugin.studio import preset_search_path, studio_hooks

    search_path = preset_search_path(studio_hooks(plugins))
    layers = [override_layer(overrides)]
    if preset is not None:
        layers.append(value_layer(("extends",), preset, "--preset"))
    found: dict[Path, tuple[str | None, CacheFolder]] = {}
    for place in expand_shot_files(places):
        path = Path(place)
        if path.is_dir():
            for folder in caches_below(path, on_error=errors.report):
                found.setdefault(folder.path.resolve(), (None, folder))
            continue
        with errors.reported():
            shot = ShotLayers.read(path, Layer.stacked(layers), search_path=search_path).shot()
            folder = CacheFolder.of(shot.out, shot.settings.cache)
            found[folder.path.resolve()] = (place, folder)
    return list(found.values())


@final
class _Contents:
    """The contents of a cache."""

    def __init__(
        self, shot: str | None, folder: CacheFolder, files: Sequence[CacheFile], claims: Sequence[Claim]
    ) -> None:
        self._shot = shot
        self._folder = folder
        self._claims = claims
        self._changed = max((file.time for file in files), default=None)
        self.exists = folder.path.is_dir()
        self.size = sum(file.size for file in files)
        self._frames = {
            direction: sorted(
                file.probabilities[1] for file in files if file.probabilities and file.probabilities[0] == direction
            )
            for direction in ("forward", "backward")
        }

    def fields(self) -> dict[str, object]:
        """Return the JSON."""
        from stcn_plugin.cache.manifest import Manifest
        from stcn_plugin.frames import format_frame_range

        changed = self._changed
        return {
            "shot": self._shot,
            "folder": str(self._folder.path.absolute()),
            "mattes": manifest.out if (manifest := Manifest.read(self._folder.manifest)) else None,
            "exists": self.exists,
            **{direction: format_frame_range(frames) for direction, frames in self._frames.items()},
            "bytes": self.size,
            "changed": None
            if changed is None
            else datetime.fromtimestamp(changed, timezone.utc).isoformat(timespec="seconds"),
            "jobs": [
                {"host": claim.host, "pid": claim.pid, "frames": format_frame_range(claim.frames)}
                for claim in self._claims
            ],
        }

    def row(self) -> tuple[str, ...]:
        """Return the cells of a table."""
        from stcn_plugin.bridge.summaries import size_text
        from stcn_plugin.frames import format_frame_range, shortened

        frames = (shortened(format_frame_range(frames)) if frames else "-" for frames in self._frames.values())
        changed = "-" if self._changed is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(self._changed))
        jobs = "; ".join(claim.text for claim in self._claims) or "-"
        size = size_text(self.size) if self.exists else "-"
        return str(self._folder.path), *frames, size, changed, jobs


def _print_table(rows: Sequence[_Contents]) -> None:
    from stcn_plugin.bridge.summaries import size_text
    from stcn_plugin.cli.tables import print_table

    header = ("cache", "forward", "backward", "size", "changed", "jobs")
    print_table(header, [row.row() for row in rows], left=len(header))
    if (count := sum(row.exists for row in rows)) > 1:
        echo(f"{count} caches, {size_text(sum(row.size for row in rows))}")
