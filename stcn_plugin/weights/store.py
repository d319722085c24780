"""The weights store: a folder of weights that are used by name.

An entry is one file, ``NAME.safetensors``. Its source, licence and hashes are in its metadata, so they stay with a copy of
the file. The weights in the package are always available. Listing reads only headers and does not import torch.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from platformdirs import site_data_path, user_data_path

from stcn_plugin import environment
from stcn_plugin.atomic import Outputs, output_errors, temporary_file
from stcn_plugin.bridge.files import expanded
from stcn_plugin.bridge.report import NOT_STATED
from stcn_plugin.errors import OutputError, WeightsError
from stcn_plugin.reserved_names import is_reserved
from stcn_plugin.weights.entry import WeightsEntry, clean, content_hash, file_hash, read_entry
from stcn_plugin.weights.official import OFFICIAL
from stcn_plugin.weights.web_address import without_credentials

if TYPE_CHECKING:
    from stcn_plugin.weights.reading import LoadedWeights

STARTER = "starter"
"""Name of the default weights, which are in the package."""

STARTER_FREE = "starter-free"
"""Name of the weights in the package that were trained only on data that is free for commercial use."""

SUFFIX = ".safetensors"
"""File extension of weights."""

_LONGEST_NAME = 100
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


class WeightsStore:
    """The weights of a user or a studio.

    Args:
        folder: The folder, which need not exist; ``None`` is ``$STCN_WEIGHTS_DIR`` or the user's data folder.
        extra: Weights in other places, name to file. The folder has precedence.
    """

    def __init__(self, folder: Path | None = None, *, extra: Mapping[str, Path] = MappingProxyType({})) -> None:
        chosen = folder or environment.WEIGHTS_DIR.value() or _default_folder()
        self.folder = expanded(chosen, error=WeightsError)
        self._extra = extra

    def entries(self) -> tuple[WeightsEntry, ...]:
        """Return the weights in the package, followed by all others in order of their names; reads only headers."""
        builtin = builtin_files()
        stored = {file.stem: file for file in self._files()}
        others = {name: file for name, file in {**self._extra, **stored}.items() if name not in builtin}
        first = (read_entry(name, file, is_builtin=True) for name, file in builtin.items())
        return (*first, *(self._entry(name, others[name]) for name in sorted(others)))

    def entry(self, name: str) -> WeightsEntry:
        """Return one entry.

        Raises:
            WeightsError: There are no weights of that name.
        """
        for entry in self.entries():
            if entry.name == name:
                return entry
        raise self._unknown(name)

    def entry_for(self, name: str) -> WeightsEntry:
        """Return the entry of the weights in a preset.

        Args:
            name: Name in the store, or path of a ``.safetensors`` file.

        Raises:
            WeightsError: There are no such weights.
        """
        path = self.path(name)
        return read_entry(name if Path(name).suffix != SUFFIX else path.name, path, is_builtin=name in builtin_files())

    def path(self, name: str) -> Path:
        """Return the path of weights.

        Args:
            name: Name in the store, or path of a ``.safetensors`` file.

        Raises:
            WeightsError: There are no such weights; the error suggests similar names.
        """
        if builtin := builtin_files().get(name):
            return builtin
        if _NAME.fullmatch(name) and (stored := self._file(name)).is_file():
            return stored
        if named := self._extra.get(name):
            if not named.is_file():
                what = f"the weights '{name}' of a studio plugin are not on disk"
                fix = "Check that the disk is mounted, or contact the author of the plugin"
                raise WeightsError(what, where=str(named), fix=fix, setting="weights")
            return named
        file = expanded(name, error=WeightsError)
        if file.suffix == SUFFIX or len(file.parts) > 1:
            if not file.is_file():
                fix = "See: stcn weights list"
                raise WeightsError("there is no such file", where=str(file), fix=fix, setting="weights")
            if file.suffix != SUFFIX:
                fix = f"Use: stcn weights add {name}"
                raise WeightsError("not a .safetensors file", where=name, fix=fix, setting="weights")
            return file
        raise self._unknown(name)

    def add(
        self,
        file: Path,
        *,
        name: str | None = None,
        licence: str | None = None,
        source: str | None = None,
        replace: bool = False,
    ) -> WeightsEntry:
        """Add weights to the store, as safetensors.

        Args:
            file: Safetensors, an official ``.pth`` or a training checkpoint; nothing in it is executed.
            name: Name in the store; the file name by default.
            licence: Licence; the one in the metadata of the file by default.
            source: Origin of the weights; the file name by default.
            replace: Overwrite an entry of that name.

        Raises:
            WeightsError: The file fits no variant, the name is taken or invalid, or the store cannot be written.
        """
        from stcn_plugin.weights.reading import read_weights

        name = self.check_name(name or file.stem, replace=replace)
        loaded = read_weights(file)
        metadata = {
            "source": without_credentials(source or file.name),
            "sha256": file_hash(file),
            "license": licence or loaded.metadata.get("license", NOT_STATED),
            "added": date.today().isoformat(),
            "content_sha256": content_hash(loaded.state),
            **({"note": loaded.note} if loaded.note else {}),
        }
        self._write(name, loaded, metadata)
        return self.entry(name)

    @contextmanager
    def temporary(self, name: str) -> Iterator[Path]:
        """Provide a temporary file in the store, which is deleted on exit.

        Raises:
            WeightsError: The store cannot be written.
        """
        with self._writing(), temporary_file(self._file(name)) as file:
            yield file

    def check(self, names: Sequence[str] = ()) -> Iterator[tuple[WeightsEntry, str]]:
        """Read weights completely and compare them with their recorded hashes.

        Args:
            names: Weights to check; all if empty.

        Yields:
            Each entry and its problem, empty if there is none.

        Raises:
            WeightsError: A name is unknown.
        """
        from stcn_plugin.weights.reading import read_weights

        for entry in [self.entry(name) for name in names] or self.entries():
            try:
                loaded = read_weights(entry.path)
            except WeightsError as error:
                yield entry, error.what
                continue
            if entry.variant and loaded.variant.name != entry.variant:
                yield entry, f"recorded as {entry.variant}, but its variant is {loaded.variant.name}"
            elif entry.content and content_hash(loaded.state) != entry.content:
                yield entry, "the values have changed since the weights were added: the file was modified or damaged"
            else:
                yield entry, ""

    def remove(self, name: str) -> None:
        """Delete weights from the store.

        Raises:
            WeightsError: There are no such weights, they are not in the folder, or cannot be deleted.
        """
        entry = self.entry(name)
        if entry.is_builtin:
            raise WeightsError(f"'{name}' is part of the package and cannot be removed")
        if entry.path.parent != self.folder:
            raise WeightsError(f"'{name}' belongs to a studio plugin and cannot be removed", where=str(entry.path))
        with self._writing():
            entry.path.unlink()

    def check_name(self, name: str, *, replace: bool = False) -> str:
        """Check the name for new weights, and return it without extension.

        Raises:
            WeightsError: The name is invalid or taken.
        """
        name = name.removesuffix(SUFFIX)
        if problem := name_problem(name):
            what = f"'{clean(name)}' is not a valid name for weights: {problem}"
            raise WeightsError(what, fix="Use letters, digits, '_', '-' and '.', such as --name hero_v2")
        if name in builtin_files():
            raise WeightsError(f"'{name}' is the name of weights in the package", fix="Choose another --name")
        if not replace and self._file(name).exists():
            fix = "Choose another --name, or overwrite it with --replace"
            raise WeightsError(f"there are already weights called '{name}'", where=str(self.folder), fix=fix)
        return name

    def _write(self, name: str, loaded: LoadedWeights, metadata: Mapping[str, str]) -> None:
        from stcn_plugin.weights.reading import write_weights

        with self._writing():
            Outputs().prepare([self._file(name)])
            write_weights(self._file(name), loaded, metadata=metadata)

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}{SUFFIX}"

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Convert errors of writing, with advice for the store."""
        try:
            with output_errors(self.folder):
                yield
        except OutputError as error:
            fix = f"Choose another folder with --store or {environment.WEIGHTS_DIR.name}"
            raise WeightsError(error.what, where=error.where, fix=f"{error.fix}. {fix}") from error

    def _files(self) -> list[Path]:
        """Return the files of weights in the folder; none if it cannot be read."""
        try:
            return [file for file in self.folder.iterdir() if file.suffix == SUFFIX and not file.name.startswith(".")]
        except OSError:
            return []

    def _entry(self, name: str, file: Path) -> WeightsEntry:
        if name_problem(name):
            return WeightsEntry(
                clean(name), file, 0, problem=f"its name is invalid ({name_problem(name)}): rename the file"
            )
        return read_entry(name, file)

    def _unknown(self, name: str) -> WeightsError:
        known = [entry.name for entry in self.entries()]
        near = difflib.get_close_matches(name, known, n=3)
        hint = f"Did you mean {' or '.join(near)}? " if near else ""
        how = f"Use: stcn weights fetch {name}" if name in OFFICIAL else "Add a file with: stcn weights add FILE"
        what = f"there are no weights called '{name}', only {', '.join(known)}"
        return WeightsError(what, where=str(self.folder), fix=hint + how, setting="weights")


def name_problem(name: str) -> str:
    """Return why a name is invalid for weights; empty if it is valid.

    >>> name_problem("hero_v2"), name_problem("con.v2")
    ('', 'Windows reserves it for a device')
    """
    if not _NAME.fullmatch(name):
        return "it must have only letters, digits, '_', '-' and '.', and start with a letter or digit"
    if len(name) > _LONGEST_NAME:
        return f"it has {len(name)} characters, the maximum is {_LONGEST_NAME}"
    if name.endswith("."):
        return "it ends with a dot, which Windows removes"
    return "Windows reserves it for a device" if is_reserved(name) else ""


def builtin_files() -> Mapping[str, Path]:
    """Return the files of the weights in the package by name, the default first."""
    folder = Path(str(resources.files("stcn_plugin.weights") / "starter"))
    return {STARTER: folder / f"lite{SUFFIX}", STARTER_FREE: folder / f"light_free{SUFFIX}"}


def _default_folder() -> Path:
    """Return the folder of weights in the user's data folder; in that of the system for a user without a home folder."""
    try:
        return user_data_path("stcn_plugin") / "weights"
    except RuntimeError:  # as on farms: HOME is not set, and the system does not know the user
        return site_data_path("stcn_plugin") / "weights"
