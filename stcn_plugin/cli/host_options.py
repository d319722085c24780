"""The options that `stcn install` and `stcn uninstall` have in common."""

from __future__ import annotations

from pathlib import Path

import click

nuke_folder = click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default="~/.nuke",
    show_default=True,
    help="Folder on Nuke's plugin path. The plugin is installed in its subfolder stcn.",
)
blender_program = click.option(
    "--blender",
    "program",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The Blender executable. By default, the one on PATH or in a common location.",
)
dry_run = click.option("--dry-run", is_flag=True, help="Print what would be written or removed, and change nothing.")
