"""The weights store: a folder of weights that can be named, each with what is known of it.

An entry is one file, ``NAME.safetensors``; where it came from, its licence and its hashes are in its own metadata, so
that a copied file still tells. The weights inside the package are always there. Listing reads headers and needs no
torch.
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

from platformdirs import user_data_path

from stcn_plugin import environment
from stcn_plugin.atomic import Outputs, output_errors, temporary_file
from stcn_plugin.bridge.job import NOT_STATED
from stcn_plugin.errors import OutputError, WeightsError
from stcn_plugin.reserved_names import is_reserved
from stcn_plugin.weights.entry import WeightsEntry, clean, content_hash, file_hash, read_entry
from stcn_plugin.weights.official import OFFICIAL
from stcn_plugin.weights.web_address import without_credentials

if TYPE_CHECKING:
    from stcn_plugin.weights.reading import LoadedWeights

STARTER = "starter"
"""Name of the weights inside the package that are used where none are asked for."""

STARTER_FREE = "starter-free"
"""Name of those inside the package that were trained on nothing but data free for commercial use."""

SUFFIX = ".safetensors"
"""Ending of weights."""

_LONGEST_NAME = 100
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


class WeightsStore:
    """The folder of weights of a user, or of a studio.

    Args:
        folder: The folder, need not exist; ``None`` is ``$STCN_WEIGHTS_DIR``, else the user's data folder.
        beside: Name to file of weights elsewhere; a name that the folder has too is the folder's.
    """

    def __init__(self, folder: Path | None = None, *, beside: Mapping[str, Path] = MappingProxyType({})) -> None:
        chosen = folder or environment.WEIGHTS_DIR.value() or user_data_path("stcn_plugin") / "weights"
        self.folder = Path(chosen).expanduser()
        self._beside = beside

    def entries(self) -> tuple[WeightsEntry, ...]:
        """Return the weights inside the package and then all others, by name; only headers are read."""
        builtin = builtin_files()
        stored = {file.stem: file for file in self._files()}
        others = {name: file for name, file in {**self._beside, **stored}.items() if name not in builtin}
        first = (read_entry(name, file, is_builtin=True) for name, file in builtin.items())
        return (*first, *(self._entry(name, others[name]) for name in sorted(others)))

    def entry(self, name: str) -> WeightsEntry:
        """Return one entry.

        Raises:
            WeightsError: There is none of that name.
        """
        for entry in self.entries():
            if entry.name == name:
                return entry
        raise self._unknown(name)

    def entry_for(self, name: str) -> WeightsEntry:
        """Return the entry of what a preset names.

        Args:
            name: A name in the store, or a ``.safetensors`` file anywhere.

        Raises:
            WeightsError: There is none.
        """
        path = self.path(name)
        return read_entry(name if Path(name).suffix != SUFFIX else path.name, path, is_builtin=name in builtin_files())

    def path(self, name: str) -> Path:
        """Return the file of weights.

        Args:
            name: A name in the store, or a ``.safetensors`` file anywhere.

        Raises:
            WeightsError: There is none; tells the nearest names and how to add one.
        """
        if builtin := builtin_files().get(name):
            return builtin
        if _NAME.fullmatch(name) and (stored := self._file(name)).is_file():
            return stored
        if named := self._beside.get(name):
            if not named.is_file():
                what = f"the weights '{name}' of a studio plugin are not on disk"
                fix = "Check that the disk is there, or tell who wrote it"
                raise WeightsError(what, where=str(named), fix=fix, setting="weights")
            return named
        file = Path(name).expanduser()
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
        """Take weights into the store, as safetensors.

        Args:
            file: Safetensors, an official ``.pth`` or a training checkpoint; nothing in it is executed.
            name: Name in the store; the file's name by default.
            licence: What may be done with them; what the file says of itself by default.
            source: Where they came from; the file's name by default.
            replace: Overwrite an entry of that name.

        Raises:
            WeightsError: The file fits no variant, the name is taken or no name, or the store cannot be written.
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
        """Give a file in the store for what may become weights of a name; it is deleted in the end.

        Raises:
            WeightsError: The store cannot be written.
        """
        with self._writing(), temporary_file(self._file(name)) as file:
            yield file

    def check(self, names: Sequence[str] = ()) -> Iterator[tuple[WeightsEntry, str]]:
        """Read weights in full and compare them with what was recorded of them.

        Args:
            names: Which ones; none is all.

        Yields:
            Each entry and what is wrong with it, empty where nothing is.

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
                yield entry, f"recorded as {entry.variant}, but it is {loaded.variant.name}"
            elif entry.content and content_hash(loaded.state) != entry.content:
                yield entry, "the values are not those that were added: the file was changed or damaged"
            else:
                yield entry, ""

    def remove(self, name: str) -> None:
        """Delete weights from the store.

        Raises:
            WeightsError: There are none of that name, they are part of the package, or cannot be deleted.
        """
        entry = self.entry(name)
        if entry.is_builtin:
            raise WeightsError(f"'{name}' is part of the package and stays")
        if entry.path.parent != self.folder:
            raise WeightsError(f"'{name}' is a studio plugin's and stays", where=str(entry.path))
        with self._writing():
            entry.path.unlink()

    def check_name(self, name: str, *, replace: bool = False) -> str:
        """Return a name that an entry may have.

        Raises:
            WeightsError: It is no name, or taken.
        """
        name = name.removesuffix(SUFFIX)
        if problem := name_problem(name):
            what = f"'{clean(name)}' cannot be a name of weights: {problem}"
            raise WeightsError(what, fix="Use letters, digits, '_', '-' and '.', such as --name hero_v2")
        if name in builtin_files():
            raise WeightsError(f"'{name}' is the name of weights inside the package", fix="Choose another --name")
        if not replace and self._file(name).exists():
            fix = "Choose another --name, or overwrite it with --replace"
            raise WeightsError(f"there are weights called '{name}' already", where=str(self.folder), fix=fix)
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
        """Say what to do where the store cannot be written."""
        try:
            with output_errors(self.folder):
                yield
        except OutputError as error:
            fix = f"Choose another folder with --store or {environment.WEIGHTS_DIR.name}"
            raise WeightsError(error.what, where=error.where, fix=f"{error.fix}. {fix}") from error

    def _files(self) -> list[Path]:
        """Return the files of weights in the folder; none where it is absent or cannot be read."""
        try:
            return [file for file in self.folder.iterdir() if file.suffix == SUFFIX and not file.name.startswith(".")]
        except OSError:
            return []

    def _entry(self, name: str, file: Path) -> WeightsEntry:
        if name_problem(name):
            return WeightsEntry(
                clean(name), file, 0, problem=f"cannot be named ({name_problem(name)}): rename the file"
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
    """Return why weights cannot have a name, empty where they can.

    >>> name_problem("hero_v2"), name_problem("con.v2")
    ('', 'Windows keeps it for a device')
    """
    if not _NAME.fullmatch(name):
        return "it has other characters than letters, digits, '_', '-' and '.', or begins with one of these"
    if len(name) > _LONGEST_NAME:
        return f"it has {len(name)} characters, where {_LONGEST_NAME} are the most"
    if name.endswith("."):
        return "it ends with a dot, which Windows drops"
    return "Windows keeps it for a device" if is_reserved(name) else ""


def builtin_files() -> Mapping[str, Path]:
    """Return the files of the weights inside the package, by name; the ones that are used by default come first."""
    folder = Path(str(resources.files("stcn_plugin.weights") / "starter"))
    return {STARTER: folder / f"lite{SUFFIX}", STARTER_FREE: folder / f"lite_free{SUFFIX}"}
