"""``stcn uninstall``: take the plugins out of Nuke and Blender again."""

from __future__ import annotations

from pathlib import Path

import click

from stcn_plugin.cli import host_options
from stcn_plugin.cli.changes import show_changes
from stcn_plugin.errors import InstallError


@click.group()
def uninstall() -> None:
    """Remove the plugin from Nuke or Blender.

    \b
      stcn uninstall nuke
      stcn uninstall nuke --dir /studio/nuke
      stcn uninstall blender

    This removes what `stcn install` wrote. Scripts, mattes and shot files are not touched.
    """  # noqa: D301 - the backspaces are click's


@uninstall.command()
@host_options.nuke_folder
@host_options.dry_run
def nuke(folder: Path, dry_run: bool) -> None:
    """Remove the plugin from a Nuke folder.

    The line is removed from init.py. Files that you changed or added in the plugin's folder are kept and listed.
    """
    from stcn_plugin.install import nuke as installer

    changes = installer.uninstall(folder, dry_run=dry_run)
    show_changes(
        changes,
        dry_run=dry_run,
        done="Removed the Nuke plugin.",
        nothing=f"There is no Nuke plugin in {folder.expanduser()}; nothing was changed.",
    )


@uninstall.command()
@host_options.blender_program
@host_options.dry_run
def blender(program: Path | None, dry_run: bool) -> None:
    """Let Blender disable and remove the extension. Close Blender first."""
    from stcn_plugin.install import blender as installer
    from stcn_plugin.install.blender_program import BlenderProgram

    found = BlenderProgram.find(program)
    if found is None:
        raise InstallError(
            "no Blender was found",
            fix="Name the program with --blender PATH, or remove it in Blender: Edit > Preferences > Get Extensions",
        )
    changes = installer.uninstall(found, dry_run=dry_run)
    show_changes(
        changes,
        dry_run=dry_run,
        done="Removed the Blender extension.",
        nothing=f"{found.path} does not have the extension; nothing was changed.",
    )
