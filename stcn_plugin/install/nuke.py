"""Installation of the Nuke plugin in ``~/.nuke`` or another folder on ``NUKE_PATH``."""

from __future__ import annotations

import stat
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

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
from stcn_plugin.install.init_file import adds_plugin, has_line, with_line, without_line
from stcn_plugin.install.payload import Files, host_files, site_files
from stcn_plugin.install.user_files import changed_files, installation, own_folder

FOLDER = "stcn"
"""Name of the plugin's folder in the Nuke folder."""

_INIT = "init.py"


def install(folder: Path, *, python: str, dry_run: bool = False) -> Changes:
    """Install the plugin in a Nuke folder, or update it.

    Files that the user changed are replaced and kept as ``<name>.yours``; files that the user added stay. Installation
    is all-or-nothing: if anything fails, the folder is unchanged.

    Args:
        folder: Such as ``~/.nuke``; created if missing.
        python: Interpreter of the worker.
        dry_run: Change nothing; only return the changes.

    Raises:
        InstallError: A file is in the way, or the folder cannot be written.
    """
    folder = expanded(folder, error=InstallError).absolute()
    with install_errors(folder):
        ours = own_folder(folder, FOLDER, clean=not dry_run)
        init = _Init.of(folder)
        files = _payload()
        old = read_record(ours)
        created = (_INIT,) if init.content is None or (old and _INIT in old.created) else ()
        record = Record(python, __version__, created, {name: digest(data) for name, data in files.items()})
        files[RECORD] = record.to_json()
        is_extended = not adds_plugin(init.content or b"")
        changes, keep = installation(ours, files, old, beside=[init.path] if is_extended else [])
        if changes and not dry_run:
            folder.mkdir(parents=True, exist_ok=True)
            with replaced(ours, files, keep):
                if is_extended:
                    init.write(with_line(init.content or b""))
    return changes


def uninstall(folder: Path, *, dry_run: bool = False) -> Changes:
    """Remove the plugin from a Nuke folder; files that the user changed or added stay.

    Args:
        folder: Such as ``~/.nuke``.
        dry_run: Change nothing; only return the changes.

    Raises:
        InstallError: The folder cannot be written.
    """
    folder = expanded(folder, error=InstallError).absolute()
    with install_errors(folder):
        ours = own_folder(folder, FOLDER, clean=not dry_run)
        init = _Init.of(folder)
        old = read_record(ours)
        present = files_in(ours) if old else {}
        stays = changed_files(present, old)
        is_ours = init.content is not None and has_line(init.content)
        changes = Changes(
            written=(init.path,) if is_ours and not init.is_removed_with(old) else (),
            removed=(
                *(path for name, path in present.items() if name not in stays),
                *([init.path] if init.is_removed_with(old) else []),
            ),
            kept=(*stays.values(), *([init.path] if adds_plugin(without_line(init.content or b"")) else [])),
        )
        if changes and not dry_run:
            with replaced(ours, {}, stays) if old else nullcontext():
                if init.is_removed_with(old):
                    init.path.unlink()
                elif is_ours:
                    init.write(without_line(init.content or b""))
    return changes


@dataclass(frozen=True)
class _Init:
    """The user's ``init.py``: its path with links resolved, and its content, ``None`` if it does not exist."""

    path: Path
    content: bytes | None

    @classmethod
    def of(cls, folder: Path) -> _Init:
        path = folder / _INIT
        path = path.resolve() if path.is_symlink() else path
        return cls(path, path.read_bytes() if path.exists() else None)

    def is_removed_with(self, record: Record | None) -> bool:
        """Return whether the file was created for the line and has nothing else."""
        has_only_line = self.content is not None and has_line(self.content) and not without_line(self.content)
        return has_only_line and record is not None and _INIT in record.created

    def write(self, content: bytes) -> None:
        permissions = None if self.content is None else stat.S_IMODE(self.path.stat().st_mode)
        Outputs().write(self.path, content, permissions=permissions)


def _payload() -> Files:
    return {**host_files("nuke"), **site_files()}
