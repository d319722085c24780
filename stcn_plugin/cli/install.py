"""``stcn install`` and ``stcn uninstall``: the plugins inside Nuke, Blender and Krita."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stcn_plugin import __version__
from stcn_plugin.cli.terminal import echo, echo_document
from stcn_plugin.errors import InstallError

if TYPE_CHECKING:
    from stcn_plugin.install.folder import Changes

_nuke_folder = click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    default="~/.nuke",
    show_default=True,
    help="Folder on Nuke's plugin path. The plugin is installed in its subfolder stcn.",
)
_blender_program = click.option(
    "--blender",
    "program",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="The Blender executable. By default, the one on PATH or in a common location.",
)
_krita_folder = click.option(
    "--dir",
    "folder",
    metavar="DIR",
    type=click.Path(path_type=Path),
    help="Folder of Krita's Python plugins. By default, pykrita in Krita's resource folder; a Flatpak or Snap has another "
    "one.",
)
_dry_run = click.option("--dry-run", is_flag=True, help="Print what would be written or removed, and change nothing.")
_python = click.option(
    "--python",
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Python for the worker, with this version of stcn_plugin installed. By default, the Python that runs this "
    "command.",
)


@click.group()
def install() -> None:
    """Install the plugin for Nuke, Blender or Krita.

    \b
    Nuke: copy the plugin to ~/.nuke/stcn and add one line to ~/.nuke/init.py.
      stcn install nuke
      stcn install nuke --dir /studio/nuke        a folder on NUKE_PATH, for all users

    \b
    Blender 4.2 and later: build the extension and let Blender install and enable it.
      stcn install blender
      stcn install blender --blender /opt/blender-4.5/blender
      stcn install blender --zip stcn.zip         only build it, for another machine

    \b
    Krita: copy the plugin to the folder of Krita's Python plugins.
      stcn install krita

    Torch is not installed in the tool. The plugin starts the Python that runs this command as a separate worker
    process, so do not move or delete it. Run the command again after an update of stcn_plugin; files that are
    up to date are not touched. `stcn uninstall` removes everything again.
    """  # noqa: D301 - the backspaces are click's


@install.command("nuke")
@_nuke_folder
@_python
@_dry_run
def install_nuke(folder: Path, python: Path | None, dry_run: bool) -> None:
    """Install the plugin in a Nuke folder.

    One line is added at the end of init.py, with a comment that names stcn. If you have changed a file in the plugin's
    folder, your version is kept as NAME.yours.
    """
    from stcn_plugin.install import nuke as installer
    from stcn_plugin.install.interpreter import worker_python

    worker = worker_python(python)
    changes = installer.install(folder, python=worker, dry_run=dry_run)
    batch = folder.expanduser().absolute() / installer.FOLDER / "batch.py"
    _show_changes(
        changes,
        dry_run=dry_run,
        done=f"Installed the Nuke plugin {__version__}. Its worker runs in {worker}.\n"
        "Restart Nuke to get the STCN menu. Without the interface:\n"
        f"  nuke -t {shlex.quote(str(batch))} --help",
        unchanged=f"The Nuke plugin {__version__} is already installed; nothing was changed.",
    )


@install.command("blender", short_help="Build the Blender extension and install it in Blender.")
@_blender_program
@click.option(
    "--zip",
    "archive",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Only build the extension, as FILE, to install by hand.",
)
@_python
@_dry_run
def install_blender(program: Path | None, archive: Path | None, python: Path | None, dry_run: bool) -> None:
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
    hint = f"Without the interface:\n  blender -b FILE.blend --python-exit-code 3 -P {batch} -- --help"
    _show_changes(
        changes,
        dry_run=dry_run,
        done=f"Installed the Blender extension {__version__} with {found.path}. Its worker runs in {worker}.\n"
        f"Restart Blender to get the STCN tab in the sidebars (N). {hint}",
        unchanged=f"The Blender extension {__version__} is already installed; nothing was changed. {hint}",
    )


@install.command("krita")
@_krita_folder
@_python
@_dry_run
def install_krita(folder: Path | None, python: Path | None, dry_run: bool) -> None:
    """Install the plugin in the folder of Krita's Python plugins.

    If you have changed a file in the plugin's folder, your version is kept as NAME.yours.
    """
    from stcn_plugin.install import krita as installer
    from stcn_plugin.install.interpreter import worker_python

    worker = worker_python(python)
    changes = installer.install(folder or installer.default_folder(), python=worker, dry_run=dry_run)
    _show_changes(
        changes,
        dry_run=dry_run,
        done=f"Installed the Krita plugin {__version__}. Its worker runs in {worker}.\n"
        "Restart Krita, turn on STCN in Settings > Configure Krita > Python Plugin Manager, and restart it once more.\n"
        "Settings > Dockers > STCN shows the docker.",
        unchanged=f"The Krita plugin {__version__} is already installed; nothing was changed.",
    )


@click.group()
def uninstall() -> None:
    """Remove the plugin from Nuke, Blender or Krita.

    \b
      stcn uninstall nuke
      stcn uninstall nuke --dir /studio/nuke
      stcn uninstall blender
      stcn uninstall krita

    This removes what `stcn install` wrote. Scripts, mattes and shot files are not touched.
    """  # noqa: D301 - the backspaces are click's


@uninstall.command("nuke")
@_nuke_folder
@_dry_run
def uninstall_nuke(folder: Path, dry_run: bool) -> None:
    """Remove the plugin from a Nuke folder.

    The line is removed from init.py. Files that you changed or added in the plugin's folder are kept and listed.
    """
    from stcn_plugin.install import nuke as installer

    changes = installer.uninstall(folder, dry_run=dry_run)
    _show_changes(
        changes,
        dry_run=dry_run,
        done="Removed the Nuke plugin.",
        unchanged=f"There is no Nuke plugin in {folder.expanduser()}; nothing was changed.",
    )


@uninstall.command("blender")
@_blender_program
@_dry_run
def uninstall_blender(program: Path | None, dry_run: bool) -> None:
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
    _show_changes(
        changes,
        dry_run=dry_run,
        done="Removed the Blender extension.",
        unchanged=f"{found.path} does not have the extension; nothing was changed.",
    )


@uninstall.command("krita")
@_krita_folder
@_dry_run
def uninstall_krita(folder: Path | None, dry_run: bool) -> None:
    """Remove the plugin from Krita.

    Files that you changed or added in the plugin's folder are kept and listed.
    """
    from stcn_plugin.install import krita as installer

    chosen = folder or installer.default_folder()
    _show_changes(
        installer.uninstall(chosen, dry_run=dry_run),
        dry_run=dry_run,
        done="Removed the Krita plugin.",
        unchanged=f"There is no Krita plugin in {chosen.expanduser()}; nothing was changed.",
    )


def _show_changes(changes: Changes, *, dry_run: bool, done: str, unchanged: str) -> None:
    """Print the files that were written, removed and kept, then a summary.

    Args:
        changes: The changes, real or of a dry run.
        dry_run: Whether nothing was actually changed.
        done: The summary if something was changed.
        unchanged: The summary if there was nothing to do.
    """
    written, removed = ("would write", "would remove") if dry_run else ("wrote", "removed")
    for verb, paths in ((written, changes.written), (removed, changes.removed), ("kept", changes.kept)):
        for path in paths:
            echo(f"{verb} {path}")
    if not changes:
        echo_document(unchanged)
    elif not dry_run:
        echo_document(done)
