"""Installation of the Krita plugin in the folder of Krita's Python plugins."""

from __future__ import annotations

import os
from contextlib import nullcontext
from pathlib import Path

import platformdirs

from stcn_plugin import __version__
from stcn_plugin.atomic import Outputs
from stcn_plugin.bridge.files import expanded
from stcn_plugin.errors import InstallError
from stcn_plugin.install.folder import (
    RECORD,
    Changes,
    Record,
    digest,
    files_in,
    install_errors,
    read_record,
    replaced,
)
from stcn_plugin.install.payload import Files, host_files, site_files
from stcn_plugin.install.user_files import changed_files, in_the_way, installation, own_folder

FOLDER = "stcn_krita"
"""Name of the plugin's folder."""

_DESKTOP = f"{FOLDER}.desktop"
"""Next to the folder: names the plugin in Krita."""


def default_folder() -> Path:
    """Return the folder of the user's Python plugins."""
    return platformdirs.user_data_path("krita", appauthor=False, roaming=True) / "pykrita"


def install(folder: Path, *, python: str, dry_run: bool = False) -> Changes:
    """Install the plugin, or update it.

    Files that the user changed are replaced and kept as ``<name>.yours``; files that the user added stay. Installation
    is all-or-nothing: if anything fails, the folder is unchanged.

    Args:
        folder: Folder of Krita's Python plugins; created if missing.
        python: Interpreter of the worker.
        dry_run: Change nothing; only return the changes.

    Raises:
        InstallError: A file is in the way, or the folder cannot be written.
    """
    folder = expanded(folder, error=InstallError).absolute()
    with install_errors(folder):
        ours, desktop = own_folder(folder, FOLDER, clean=not dry_run), folder / _DESKTOP
        files, description = _payload()
        old = read_record(ours)
        record = Record(python, __version__, (_DESKTOP,), {name: digest(data) for name, data in files.items()})
        files[RECORD] = record.to_json()
        is_described = _is_ours(desktop, description)
        if not is_described and (desktop.is_dir() or (old is None and os.path.lexists(desktop))):
            raise in_the_way(desktop)
        changes, keep = installation(ours, files, old, beside=[] if is_described else [desktop])
        if changes and not dry_run:
            folder.mkdir(parents=True, exist_ok=True)
            with replaced(ours, files, keep):
                Outputs().write(desktop, description)
    return changes


def uninstall(folder: Path, *, dry_run: bool = False) -> Changes:
    """Remove the plugin; files that the user changed or added stay.

    Args:
        folder: Folder of Krita's Python plugins.
        dry_run: Change nothing; only return the changes.

    Raises:
        InstallError: The folder cannot be written.
    """
    folder = expanded(folder, error=InstallError).absolute()
    with install_errors(folder):
        ours, desktop = own_folder(folder, FOLDER, clean=not dry_run), folder / _DESKTOP
        old = read_record(ours)
        present = files_in(ours) if old else {}
        stays = changed_files(present, old)
        has_desktop = desktop.is_file() and (old is not None or _is_ours(desktop, _payload()[1]))
        changes = Changes(
            removed=(
                *(path for name, path in present.items() if name not in stays),
                *([desktop] if has_desktop else []),
            ),
            kept=tuple(stays.values()),
        )
        if changes and not dry_run:
            with replaced(ours, {}, stays) if old else nullcontext():
                if has_desktop:
                    desktop.unlink()
    return changes


def _is_ours(desktop: Path, description: bytes) -> bool:
    return desktop.is_file() and desktop.read_bytes() == description


def _payload() -> tuple[Files, bytes]:
    """Return the files of the plugin's folder, and the content of the file next to it."""
    files = host_files("krita")
    description = files.pop(_DESKTOP)
    inside = {name.removeprefix(f"{FOLDER}/"): data for name, data in files.items()}
    return {**inside, **site_files()}, description
