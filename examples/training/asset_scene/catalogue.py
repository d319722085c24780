"""Which models and skies there are, and what their licences are; nothing without one is used."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MODELS = frozenset((".glb", ".gltf", ".fbx", ".obj", ".blend"))
SKIES = frozenset((".hdr", ".exr"))
COLUMNS = ("folder", "licence", "source")


class CatalogueError(Exception):
    """The folders or their licences are not as they should be; the message says where and what to do."""


@dataclass(frozen=True)
class Licence:
    """What may be done with all that lies in a folder.

    Args:
        folder: The folder, or one file.
        licence: Its licence, such as ``CC0-1.0``.
        source: Who made it, or where it came from.
    """

    folder: Path
    licence: str
    source: str


@dataclass(frozen=True)
class Catalogue:
    """What there is to render.

    Args:
        models: Files of models.
        skies: Files of skies.
        licences: Those that cover them.
    """

    models: Sequence[Path]
    skies: Sequence[Path]
    licences: Sequence[Licence]


def read_catalogue(file: Path) -> Catalogue:
    """Read a list of licences, and find what lies in its folders.

    Args:
        file: A CSV file with the columns ``folder``, ``licence`` and ``source``; folders are relative to its own.

    Raises:
        CatalogueError: A line lacks something, a folder is not there, or there are no models.
    """
    try:
        with file.open(newline="", encoding="utf-8") as lines:
            rows = list(csv.DictReader(lines))
    except OSError as error:
        raise CatalogueError(f"{file}: the list of licences cannot be read ({error.strerror})") from error
    licences = [_licence(file, number, row) for number, row in enumerate(rows, 2)]
    models = _found((each.folder for each in licences), MODELS)
    skies = _found((each.folder for each in licences), SKIES)
    if not models:
        raise CatalogueError(f"{file}: its folders hold no models ({', '.join(sorted(MODELS))})")
    return Catalogue(models, skies, licences)


def write_licences(file: Path, licences: Iterable[Licence]) -> None:
    """Write licence and source of all that clips are made from, each once, as the CSV file that they came from."""
    rows = sorted({(each.licence, each.source) for each in licences})
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(COLUMNS[1:])
        writer.writerows(rows)


def _licence(file: Path, number: int, row: dict[str, str | None]) -> Licence:
    said = {column: (row.get(column) or "").strip() for column in COLUMNS}
    if missing := [column for column in COLUMNS if not said[column]]:
        raise CatalogueError(f"{file}, line {number}: no {' and no '.join(missing)}; write folder,licence,source")
    folder = file.parent / said["folder"]
    if not folder.exists():
        raise CatalogueError(f"{file}, line {number}: there is no {folder}")
    return Licence(folder, said["licence"], said["source"])


def _found(folders: Iterable[Path], suffixes: frozenset[str]) -> list[Path]:
    files = {
        path
        for folder in folders
        for path in ([folder] if folder.is_file() else folder.rglob("[!.]*"))
        if path.suffix.lower() in suffixes
    }
    return sorted(files)
