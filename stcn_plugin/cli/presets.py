"""``stcn presets``: list, show and check presets, and print their schema."""

from __future__ import annotations

import json
from pathlib import Path

import click

from stcn_plugin.cli.terminal import echo, echo_document

# The library is imported inside the commands: `stcn --help` reads this module and should stay quick.


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
@click.pass_context
def check(context: click.Context, files: tuple[Path, ...]) -> None:
    """Check presets and shot files. Exits with 1 if any has a problem."""
    wrong = [file for file in files if not _is_right(file)]
    if wrong:
        context.exit(1)


@presets.command()
@click.option("--shot", is_flag=True, help="Print the schema of shot files.")
def schema(shot: bool) -> None:
    """Print the JSON schema of presets, for editors that complete and check keys."""
    from stcn_plugin.presets import json_schema

    echo_document(json.dumps(json_schema("shot" if shot else "preset"), indent=2, ensure_ascii=False))


def _is_right(file: Path) -> bool:
    """Say on stdout that a file is right, or on stderr what is wrong with it."""
    from stcn_plugin.errors import STCNError
    from stcn_plugin.presets import is_shot_file, load_preset, load_shot

    folders = _search_path()
    try:
        shot = is_shot_file(file, search_path=folders)
        if shot:
            load_shot(file, search_path=folders)
        else:
            load_preset(file, search_path=folders)
    except STCNError as error:
        echo_document(str(error), err=True)
        return False
    echo(f"ok: {file} ({'shot' if shot else 'preset'})")
    return True


def _search_path() -> tuple[Path, ...]:
    from stcn_plugin.studio import preset_search_path, studio_hooks

    return preset_search_path(studio_hooks())
