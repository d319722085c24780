"""``stcn install`` and ``stcn uninstall``: the plugins inside Nuke and Blender."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from stcn_plugin import __version__
from stcn_plugin.cli import host_options
from stcn_plugin.cli.changes import show_changes
from stcn_plugin.cli.terminal import echo
from stcn_plugin.errors import InstallError

_python = click.option(
    "--python",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Python for the worker, with this version of stcn_plugin installed. By default, the Python that runs this "
    "command.",
)


@click.group()
def install() -> None:
    """Install the plugin for Nuke or Blender.

    \b
    Nuke: copy the plugin to ~/.nuke/stcn and add one line to ~/.nuke/init.py.
      stcn install nuke
      stcn install nuke --dir /studio/nuke        a folder on NUKE_PATH, for all users

    \b
    Blender 4.2 and later: build the extension and let Blender install and enable it.
      stcn install blender
      stcn install blender --blender /opt/blender-4.5/blender
      stcn install blender --zip stcn.zip         only build it, for another machine

    Torch is not installed in the tool. The plugin starts the Python that runs this command as a separate worker
    process, so leave that Python where it is. Run the command again after an update of stcn_plugin; files that are
    up to date are not touched. `stcn uninstall` removes everything again.
    """  # noqa: D301 - the backspaces are click's


@install.command()
@host_options.nuke_folder
@_python
@host_options.dry_run
def nuke(folder: Path, python: Path | None, dry_run: bool) -> None:
    """Install the plugin in a Nuke folder.

    One line is added at the end of init.py, with a comment that names stcn. If you have changed a file in the plugin's
    folder, your version is kept as NAME.yours.
    """
    from stcn_plugin.install import nuke as installer
    from stcn_plugin.install.interpreter import worker_python

    worker = worker_python(python)
    changes = installer.install(folder, python=worker, dry_run=dry_run)
    batch = folder.expanduser().absolute() / installer.FOLDER / "batch.py"
    show_changes(
        changes,
        dry_run=dry_run,
        done=f"Installed the Nuke plugin {__version__}; its work is done by {worker}.\n"
        "Start Nuke again: there is an STCN menu. Without its interface:\n"
        f"  nuke -t {shlex.quote(str(batch))} --help",
        nothing=f"The Nuke plugin {__version__} is there already; nothing was changed.",
    )


@install.command(short_help="Build the Blender extension and install it in Blender.")
@host_options.blender_program
@click.option(
    "--zip",
    "archive",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Only build the extension, as FILE, to install by hand.",
)
@_python
@host_options.dry_run
def blender(program: Path | None, archive: Path | None, python: Path | None, dry_run: bool) -> None:
    """Build the Blender extension and let Blender install and enable it.

    This uses Blender's own command for extensions. Close Blender first. If no Blender is found, the extension is built
    as a zip file in the current folder, to install by hand.
    """
    from stcn_plugin.install import blender as installer
    from stcn_plugin.install.blender_program import BY_HAND, BlenderProgram
    from stcn_plugin.install.interpreter import worker_python
    from stcn_plugin.install.payload import hosts_folder

    if archive is not None and (program is not None or dry_run):
        raise click.UsageError("--zip only builds the extension; leave out --blender and --dry-run")
    worker = worker_python(python)
    if archive is not None:
        echo(f"wrote {installer.build_extension(archive, python=worker)}")
        echo(f"To install it, {BY_HAND}.")
        return
    found = BlenderProgram.find(program)
    if found is None:
        where = "" if dry_run else f". The extension is built: {installer.build_extension(Path(), python=worker)}"
        raise InstallError(
            f"no Blender was found{where}",
            fix=f"Name the program with --blender PATH. Or, to install by hand, {BY_HAND}",
        )
    changes = installer.install(found, python=worker, dry_run=dry_run)
    batch = shlex.quote(str(hosts_folder() / "blender" / "batch.py"))
    hint = f"Without its interface:\n  blender -b FILE.blend --python-exit-code 3 -P {batch} -- --help"
    show_changes(
        changes,
        dry_run=dry_run,
        done=f"Installed the Blender extension {__version__} by {found.path}; its work is done by {worker}.\n"
        f"Start Blender again: there is an STCN tab in the sidebars (N). {hint}",
        nothing=f"The Blender extension {__version__} is there already; nothing was changed. {hint}",
    )
