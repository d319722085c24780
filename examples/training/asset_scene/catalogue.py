"""The models and HDRIs to render, with their licences. Files without a licence are not used."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

MODELS = frozenset((".glb", ".gltf", ".fbx", ".obj", ".blend"))
SKIES = frozenset((".hdr", ".exr"))
COLUMNS = ("folder", "licence", "source")


class CatalogueError(Exception):
    """The list of licences is invalid; the message names file, line and fix."""


@dataclass(frozen=True)
class Licence:
    """The licence of a folder.

    Args:
        folder: The folder, or one file.
        licence: Its licence, such as ``CC0-1.0``.
        source: Its author or origin.
    """

    folder: Path
    licence: str
    source: str


@dataclass(frozen=True)
class Catalogue:
    """The files to render.

    Args:
        models: 3D models.
        skies: HDRIs.
        licences: Licences of both.
    """

    models: Sequence[Path]
    skies: Sequence[Path]
    licences: Sequence[Licence]


def read_catalogue(file: Path) -> Catalogue:
    """Read a list of licences, and find the files in its folders.

    Args:
        file: A CSV file with the columns ``folder``, ``licence`` and ``source``; folders are relative to the file.

    Raises:
        CatalogueError: A field is empty, a folder does not exist, or there are no models.
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
    """Write the licences and sources as a CSV file, without duplicates."""
    rows = sorted({(each.licence, each.source) for each in licences})
    with file.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(COLUMNS[1:])
        writer.writerows(rows)


def _licence(file: Path, number: int, row: dict[str, str | None]) -> Licence:
    fields = {column: (row.get(column) or "").strip() for column in COLUMNS}
    if missing := [column for column in COLUMNS if not fields[column]]:
        raise CatalogueError(f"{file}, line {number}: no {' and no '.join(missing)}; write folder,licence,source")
    folder = file.parent / fields["folder"]
    if not folder.exists():
        raise CatalogueError(f"{file}, line {number}: there is no {folder}")
    return Licence(folder, fields["licence"], fields["source"])


def _found(folders: Iterable[Path], suffixes: frozenset[str]) -> list[Path]:
    files = {
        path
        for folder in folders
        for path in ([folder] if folder.is_file() else folder.rglob("[!.]*"))
        if path.suffix.lower() in suffixes
    }
    return sorted(files)
