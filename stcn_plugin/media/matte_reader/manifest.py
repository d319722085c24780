"""Reads Cryptomatte manifests: object names and their ids, embedded in an image or in a side file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from stcn_plugin.media.matte_reader.source import Source
from stcn_plugin.regular_files import NotRegularError, TooLargeError, read_regular

MAX_MEGABYTES = 64
"""Maximum size of a side file; a manifest of a million names has about 40 MB."""

_ID = re.compile(r"(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)


class ManifestError(ValueError):
    """A manifest cannot be read; the message says why."""


def parse_manifest(text: str) -> dict[str, int]:
    """Parse a manifest: a JSON object that maps names to hexadecimal 32-bit ids. Invalid ids are ignored.

    Raises:
        ManifestError: The text is not a JSON object.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ManifestError("is nested too deeply") from None
    except ValueError:
        raise ManifestError("is not valid JSON") from None
    if not isinstance(content, Mapping):
        raise ManifestError("does not map names to ids")
    ids = ((str(name), _ID.fullmatch(value)) for name, value in content.items() if isinstance(value, str))
    return {name: int(match[1], 16) for name, match in ids if match}


def read_side_file(source: Source, name: str) -> dict[str, int] | None:
    """Read the manifest in a side file; ``None`` if the file does not exist.

    Args:
        source: The image.
        name: Path of the side file in the image's metadata, relative to the image's folder.

    Raises:
        STCNError: The file is outside the folder, not a regular file, too large, or not a manifest.
    """

    def error(reason: str) -> Exception:
        fix = f"Repair or remove '{shown}', or render the manifest into the image"
        return source.problem(f"the Cryptomatte's side file '{shown}' {reason}", fix)

    shown = name if len(name) <= 80 else f"{name[:77]}..."
    if "\0" in name or _leaves_folder(name):
        raise error("is outside the folder of the image")
    path = source.path.parent / name
    try:
        data = read_regular(path, MAX_MEGABYTES << 20)
    except FileNotFoundError:
        return None
    except (NotRegularError, TooLargeError) as problem:
        raise error(str(problem)) from None
    except OSError as problem:
        raise error(f"cannot be read ({problem.strerror})") from None
    try:
        return parse_manifest(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise error("is not UTF-8 text") from None
    except ManifestError as problem:
        raise error(str(problem)) from None


def _leaves_folder(name: str) -> bool:
    """Whether a path is absolute on any operating system, or contains ``..``."""
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    windows = PureWindowsPath(name)
    return Path(name).is_absolute() or bool(windows.drive or windows.root) or ".." in parts
