"""``stcn presets``: list, show and check presets, and print their schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stcn_plugin.cli.terminal import echo, echo_document

if TYPE_CHECKING:
    from stcn_plugin.bridge.hooks import Hooks

# The library is imported inside the commands, to keep `stcn presets --help` fast.


@click.group()
def presets() -> None:
    """List, show and check presets and shot files."""


@presets.command("list")
def list_command() -> None:
    """List all presets: built-in, in the folders of STCN_PRESET_PATH, and from studio plugins."""
    from stcn_plugin.presets import list_presets

    found = list_presets(_search_path())
    names = max(len(info.name) for info in found)
    layers = max(len(info.layer) for info in found)
    for info in found:
        echo(f"{info.name:<{names}}  {info.layer:<{layers}}  {info.description}".rstrip())


@presets.command()
@click.argument("name")
@click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a setting. Repeatable.")
def show(name: str, overrides: tuple[str, ...]) -> None:
    """Print all settings of a preset or shot file, each with the file and line it comes from.

    NAME is the name of a preset, or a file. The output is itself a valid preset.
    """
    from stcn_plugin.presets import trace_preset, traced_yaml

    echo_document(
        traced_yaml(trace_preset(name, search_path=_search_path(), overrides=overrides, of_shot=True)).rstrip("\n")
    )


@presets.command()
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--files",
    "with_files",
    is_flag=True,
    help="Also check the plate, keyframes, weights, OCIO config and folder for the mattes that they name. Nothing is "
    "propagated.",
)
@click.option("--plugin", "plugins", metavar="MODULE|FILE", multiple=True, help="Studio plugin to load. Repeatable.")
@click.pass_context
def check(context: click.Context, files: tuple[Path, ...], with_files: bool, plugins: tuple[str, ...]) -> None:
    """Check presets and shot files. Exits with 1 if any has a problem.

    Every file is checked, and all problems of a file are reported.
    """
    from stcn_plugin.studio import studio_hooks

    studio = studio_hooks(plugins)
    are_valid = [_check(file, studio, with_files=with_files) for file in files]
    if not all(are_valid):
        context.exit(1)


@presets.command()
@click.option("--shot", is_flag=True, help="Print the schema of shot files.")
def schema(shot: bool) -> None:
    """Print the JSON schema of presets, for editors that complete and check keys."""
    from stcn_plugin.shot.schema import json_schema

    echo_document(json.dumps(json_schema("shot" if shot else "preset"), indent=2, ensure_ascii=False))


def _check(file: Path, studio: Hooks, *, with_files: bool) -> bool:
    """Check a file and print the result, problems to stderr; return whether it is valid."""
    from stcn_plugin.errors import STCNError
    from stcn_plugin.presets import load_preset
    from stcn_plugin.shot import is_shot_file, load_shot
    from stcn_plugin.studio import preset_search_path

    folders = preset_search_path(studio)
    try:
        shot = load_shot(file, search_path=folders) if is_shot_file(file, search_path=folders) else None
        preset = load_preset(file, search_path=folders) if shot is None else None
    except STCNError as error:
        echo_document(str(error), err=True)
        return False
    if with_files:
        from stcn_plugin.job.file_checks import settings_problems, shot_problems

        warnings: list[str] = []
        problems = shot_problems(shot, studio=studio, on_warning=warnings.append) if shot else ()
        problems = settings_problems(preset, studio=studio) if preset else problems
        for warning in warnings:
            echo_document(f"{file}: warning: {warning}", err=True)
        for problem in problems:
            echo_document(f"{file}: {problem}", err=True)
        if problems:
            return False
    echo(f"ok: {file} ({'shot' if shot else 'preset'}{', and its files' if with_files else ''})")
    return True


def _search_path() -> tuple[Path, ...]:
    from stcn_plugin.studio import preset_search_path, studio_hooks

    return preset_search_path(studio_hooks())
