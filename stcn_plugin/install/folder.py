"""The plugin's folder inside a folder of the user: replaced and removed as a whole, with a record of its files."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stcn_plugin.atomic import Outputs, cause_and_fix
from stcn_plugin.errors import InstallError, OutputError

RECORD = "stcn_install.json"
"""File name of the record in the folder."""


@dataclass(frozen=True)
class Changes:
    """The files that an install or uninstall changed or would change, by their full paths.

    Args:
        written: New and replaced files.
        removed: Removed files.
        kept: Files of the user in the plugin's folder, at their new paths.
    """

    written: tuple[Path, ...] = ()
    removed: tuple[Path, ...] = ()
    kept: tuple[Path, ...] = ()

    def __bool__(self) -> bool:
        """Return whether anything changed."""
        return bool(self.written or self.removed)


@dataclass(frozen=True)
class Record:
    """The installed version and files.

    Args:
        python: Interpreter of the worker; hosts read it.
        version: Version of this package; hosts read it.
        created: Names of new files outside the folder.
        files: SHA-256 of every file in the folder except the record, by relative path.
    """

    python: str
    version: str
    created: tuple[str, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        """Return the record as JSON."""
        fields = {"python": self.python, "version": self.version, "created": list(self.created), "files": self.files}
        return (json.dumps(fields, indent=2, sort_keys=True) + "\n").encode()


def digest(data: bytes) -> str:
    """Return the SHA-256 of the content of a file, for the record."""
    return hashlib.sha256(data).hexdigest()


def read_record(folder: Path) -> Record | None:
    """Return the record of a folder; ``None`` if there is none.

    Raises:
        InstallError: The record is damaged.
    """
    path = folder / RECORD
    try:
        fields = json.loads(path.read_bytes())
        files = {str(name): str(value) for name, value in dict(fields.get("files", {})).items()}
        created = tuple(map(str, fields.get("created", [])))
        return Record(str(fields["python"]), str(fields["version"]), created, files)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError, AttributeError):
        raise InstallError(
            "the record of the installed files is damaged",
            where=str(path),
            fix=f"Move the folder {folder} away, then install again",
        ) from None


def files_in(folder: Path) -> dict[str, Path]:
    """Return all files of a folder by relative path, except compiled Python files."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if (path.is_symlink() or not path.is_dir()) and "__pycache__" not in path.relative_to(folder).parts:
            found[path.relative_to(folder).as_posix()] = path
    return found


def is_unchanged(path: Path, recorded: str) -> bool:
    """Return whether a file has the recorded content."""
    return path.is_file() and not path.is_symlink() and digest(path.read_bytes()) == recorded


@contextmanager
def replaced(folder: Path, files: Mapping[str, bytes], keep: Mapping[str, Path]) -> Iterator[None]:
    """Replace the content of a folder. If the body or anything else fails, the folder is unchanged.

    Args:
        folder: The folder, which need not exist. It is removed if there are no files.
        files: New contents by relative path.
        keep: Files to copy with dates and permissions, by their new relative path.
    """
    new, old = _beside(folder, "new"), _beside(folder, "old")
    recover(folder)
    try:
        outputs = Outputs()
        for name, data in files.items():
            outputs.write(new / name, data)
        for name, source in keep.items():
            _copy(source, new / name, outputs)
        had = folder.is_dir()
        if had:
            folder.rename(old)
        try:
            if new.is_dir():
                new.rename(folder)
            yield
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            if had:
                old.rename(folder)
            raise
        shutil.rmtree(old, ignore_errors=True)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def recover(folder: Path) -> None:
    """Restore the folder after a run that was killed."""
    old = _beside(folder, "old")
    if old.is_dir() and not folder.exists():
        old.rename(folder)
    for left in (old, _beside(folder, "new")):
        if left.is_dir():
            shutil.rmtree(left)


def _beside(folder: Path, role: str) -> Path:
    return folder.with_name(f".{folder.name}.{role}")


def _copy(source: Path, target: Path, outputs: Outputs) -> None:
    """Copy a file with its dates and permissions, and a link as a link."""
    if source.is_symlink():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source.readlink())
        return
    with source.open("rb") as content:
        outputs.write(target, lambda stream: shutil.copyfileobj(content, stream))
    shutil.copystat(source, target)


@contextmanager
def install_errors(folder: Path) -> Iterator[None]:
    """Convert errors of the file system.

    Args:
        folder: Named in errors without a file name.

    Raises:
        InstallError: A file operation failed.
    """
    try:
        yield
    except OutputError as error:
        raise InstallError(error.what, where=error.where, fix=error.fix) from error
    except OSError as error:
        cause, fix = cause_and_fix(error)
        where = str(error.filename or folder)
        raise InstallError(f"cannot be written: {cause}", where=where, fix=fix) from error
