"""The files in the folder of a plugin that its user changed or added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from stcn_plugin.errors import InstallError
from stcn_plugin.install.folder import RECORD, Changes, Record, digest, files_in, is_unchanged, recover
from stcn_plugin.install.payload import Files


def own_folder(folder: Path, name: str, *, clean: bool) -> Path:
    """Return the plugin's own folder, restored after an installation that was killed.

    Args:
        folder: The folder of the user that contains it.
        name: Its name.
        clean: Whether to restore it.

    Raises:
        InstallError: There is a link or a file of that name.
    """
    ours = folder / name
    if ours.is_symlink() or (ours.exists() and not ours.is_dir()):
        raise InstallError(
            "a link or a file of that name exists that stcn did not create",
            where=str(ours),
            fix="Move or rename it, then try again",
        )
    if clean:
        recover(ours)
    return ours


def changed_files(present: Mapping[str, Path], record: Record | None) -> dict[str, Path]:
    """Return the files that are not as they were installed, by relative path.

    Args:
        present: All files of the folder.
        record: The record of the folder.
    """
    recorded = record.files if record else {}
    return {
        name: path
        for name, path in present.items()
        if name != RECORD and not (name in recorded and is_unchanged(path, recorded[name]))
    }


def is_installed(present: Mapping[str, Path], name: str, data: bytes) -> bool:
    """Return whether a file is present with this content."""
    return name in present and is_unchanged(present[name], digest(data))


def user_files(present: Mapping[str, Path], files: Files, old: Record | None, ours: Path) -> dict[str, Path]:
    """Return the files of the user by their new names.

    Raises:
        InstallError: The folder was not created by stcn and has a file of the same name as one of the plugin.
    """
    keep: dict[str, Path] = {}
    for name, path in changed_files(present, old).items():
        if name not in files:
            keep[name] = path
        elif not is_installed(present, name, files[name]):
            if old is None:
                raise in_the_way(ours / name)
            keep[_free_name(f"{name}.yours", present)] = path
    return keep


def in_the_way(path: Path) -> InstallError:
    """Return the error for a file of the user that has the name of one of the plugin."""
    what, fix = "the file is in the way and was not created by stcn", "Move or rename it, then install again"
    return InstallError(what, where=str(path), fix=fix)


def installation(
    ours: Path, files: Files, old: Record | None, *, beside: Sequence[Path]
) -> tuple[Changes, dict[str, Path]]:
    """Return what the installation of a plugin changes, and the files of the user by their new names.

    Args:
        ours: The plugin's own folder.
        files: Its new files.
        old: The record of the installed ones; ``None`` without one.
        beside: Files outside of the folder that are written as well.

    Raises:
        InstallError: As `user_files`.
    """
    present = files_in(ours)
    keep = user_files(present, files, old, ours)
    changes = Changes(
        written=(*(ours / name for name, data in files.items() if not is_installed(present, name, data)), *beside),
        removed=tuple(path for name, path in present.items() if name not in files and path not in keep.values()),
        kept=tuple(ours / name for name in keep),
    )
    return changes, keep


def _free_name(name: str, present: Mapping[str, Path]) -> str:
    free, number = name, 1
    while free in present:
        number += 1
        free = f"{name}{number}"
    return free
