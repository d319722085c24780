"""The Nuke plugin in a folder that Nuke looks into: ``~/.nuke``, or any other on ``NUKE_PATH``."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from stcn_plugin import __version__
from stcn_plugin.atomic import Outputs
from stcn_plugin.errors import InstallError
from stcn_plugin.install.changes import Changes
from stcn_plugin.install.folder import (
    RECORD,
    Record,
    digest,
    files_in,
    is_unchanged,
    read_record,
    recover,
    refusals_told,
    replaced,
)
from stcn_plugin.install.init_file import has_line, leads_to_plugin, with_line, without_line
from stcn_plugin.install.payload import Files, bridge_files, host_files, licence, pluggy_files

FOLDER = "stcn"
"""Name of our folder in the user's."""

_INIT = "init.py"


def install(folder: Path, *, python: str, dry_run: bool = False) -> Changes:
    """Put the plugin into a Nuke folder, or bring the one that is there up to date.

    Files that the user changed give way to the new ones and stay beside them as ``<name>.yours``; files that the user
    added stay where they are. Whatever fails, the folder holds either what it held before or all of the new.

    Args:
        folder: Such as ``~/.nuke``; created where it is missing.
        python: The Python that the worker is started with.
        dry_run: Only tell what would change.

    Raises:
        InstallError: Something is in the way, or the folder cannot be written.
    """
    folder = folder.expanduser().absolute()
    with refusals_told(folder):
        ours = _own_folder(folder, clean=not dry_run)
        init = _Init.of(folder)
        files = _payload()
        old = read_record(ours)
        created = (_INIT,) if init.content is None or (old and _INIT in old.created) else ()
        record = Record(python, __version__, created, {name: digest(data) for name, data in files.items()})
        files[RECORD] = record.to_json()

        there = files_in(ours)
        keep = _kept(there, files, old, ours)
        is_extended = not leads_to_plugin(init.content or b"")
        changes = Changes(
            written=(
                *(ours / name for name, data in files.items() if not _holds(there, name, data)),
                *([init.path] if is_extended else []),
            ),
            removed=tuple(path for name, path in there.items() if name not in files and path not in keep.values()),
            kept=tuple(ours / name for name in keep),
        )
        if changes and not dry_run:
            folder.mkdir(parents=True, exist_ok=True)
            with replaced(ours, files, keep):
                if is_extended:
                    init.write(with_line(init.content or b""))
    return changes


def uninstall(folder: Path, *, dry_run: bool = False) -> Changes:
    """Take the plugin out of a Nuke folder: what was written goes, what the user changed or added stays.

    Args:
        folder: Such as ``~/.nuke``.
        dry_run: Only tell what would change.

    Raises:
        InstallError: The folder cannot be written.
    """
    folder = folder.expanduser().absolute()
    with refusals_told(folder):
        ours = _own_folder(folder, clean=not dry_run)
        init = _Init.of(folder)
        old = read_record(ours)
        there = files_in(ours) if old else {}
        recorded = old.files if old else {}
        stays = {
            name: path
            for name, path in there.items()
            if name != RECORD and not (name in recorded and is_unchanged(path, recorded[name]))
        }
        is_ours = init.content is not None and has_line(init.content)
        changes = Changes(
            written=(init.path,) if is_ours and not init.goes_with(old) else (),
            removed=(
                *(path for name, path in there.items() if name not in stays),
                *([init.path] if init.goes_with(old) else []),
            ),
            kept=(*stays.values(), *([init.path] if leads_to_plugin(without_line(init.content or b"")) else [])),
        )
        if changes and not dry_run:
            with replaced(ours, {}, stays) if old else nullcontext():
                if init.goes_with(old):
                    init.path.unlink()
                elif is_ours:
                    init.write(without_line(init.content or b""))
    return changes


@dataclass(frozen=True)
class _Init:
    """The user's ``init.py``: the file itself where the name is a link to it, and its content where there is one."""

    path: Path
    content: bytes | None

    @classmethod
    def of(cls, folder: Path) -> _Init:
        path = folder / _INIT
        path = path.resolve() if path.is_symlink() else path
        return cls(path, path.read_bytes() if path.exists() else None)

    def goes_with(self, record: Record | None) -> bool:
        """Tell whether the file is there for our line alone."""
        has_only_it = self.content is not None and has_line(self.content) and not without_line(self.content)
        return has_only_it and record is not None and _INIT in record.created

    def write(self, content: bytes) -> None:
        permissions = None if self.content is None else stat.S_IMODE(self.path.stat().st_mode)
        Outputs().write(self.path, content, permissions=permissions)


def _own_folder(folder: Path, *, clean: bool) -> Path:
    ours = folder / FOLDER
    if ours.is_symlink() or (ours.exists() and not ours.is_dir()):
        raise InstallError(
            "there is a link or a file of that name, which stcn did not write",
            where=str(ours),
            fix="Move it away or rename it, then try again",
        )
    if clean:
        recover(ours)
    return ours


def _payload() -> Files:
    site = {**bridge_files(), **pluggy_files(), "stcn_plugin/LICENSE": licence()}
    return {**host_files("nuke"), **{f"site/{name}": data for name, data in site.items()}}


def _holds(there: Mapping[str, Path], name: str, data: bytes) -> bool:
    return name in there and is_unchanged(there[name], digest(data))


def _kept(there: Mapping[str, Path], files: Files, old: Record | None, ours: Path) -> dict[str, Path]:
    """Return the user's own files, by the names that they have afterwards.

    Raises:
        InstallError: The folder is not of our making, and has files where ours would go.
    """
    recorded = old.files if old else {}
    keep: dict[str, Path] = {}
    for name, path in there.items():
        if name == RECORD or (name in recorded and is_unchanged(path, recorded[name])):
            continue
        if name not in files:
            keep[name] = path
        elif not _holds(there, name, files[name]):
            if old is None:
                raise InstallError(
                    "the file is in the way, and stcn did not write it",
                    where=str(ours / name),
                    fix="Move it away or rename it, then install again",
                )
            keep[_free_name(f"{name}.yours", there)] = path
    return keep


def _free_name(name: str, there: Mapping[str, Path]) -> str:
    free, number = name, 1
    while free in there:
        number += 1
        free = f"{name}{number}"
    return free
