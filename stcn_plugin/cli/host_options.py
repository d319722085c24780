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
    help="A folder that Nuke looks into; the plugin is in the folder stcn there.",
)
blender_program = click.option(
    "--blender",
    "program",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Blender's program; the one on PATH or at a usual place by default.",
)
dry_run = click.option("--dry-run", is_flag=True, help="Only tell what would be written or removed.")
