"""Manifests of Cryptomattes: names of objects and their ids, inside a picture or in a file beside it."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath

from stcn_plugin.media.matte_reader.source import Source
from stcn_plugin.regular_files import NotRegularError, TooLargeError, read_regular

MAX_MEGABYTES = 64
"""Size that a side file may have; a manifest of a million names has about 40 MB."""

_ID = re.compile(r"(?:0x)?([0-9a-f]{1,8})", re.IGNORECASE)


class ManifestError(ValueError):
    """A manifest cannot be read; the message says why."""


def parse_manifest(text: str) -> dict[str, int]:
    """Return the 32-bit id of each name in a manifest, JSON of names and hexadecimal ids.

    Entries that are no ids are left out.

    Raises:
        ManifestError: The text is no such JSON.
    """
    try:
        content = json.loads(text)
    except RecursionError:
        raise ManifestError("is nested too deeply") from None
    except ValueError:
        raise ManifestError("is no JSON") from None
    if not isinstance(content, Mapping):
        raise ManifestError("does not map names to ids")
    ids = ((str(name), _ID.fullmatch(value)) for name, value in content.items() if isinstance(value, str))
    return {name: int(match[1], 16) for name, match in ids if match}


def read_side_file(source: Source, name: str) -> dict[str, int] | None:
    """Read the manifest beside a picture, ``None`` where there is no such file.

    Args:
        source: The picture.
        name: What the picture says its side file is, a path relative to the picture's folder.

    Raises:
        STCNError: The file is outside of the folder, no regular file, too large, or no manifest.
    """

    def refusal(reason: str) -> Exception:
        fix = f"Repair or remove '{shown}', or render the manifest into the picture"
        return source.problem(f"the Cryptomatte's side file '{shown}' {reason}", fix)

    shown = name if len(name) <= 80 else f"{name[:77]}..."
    if "\0" in name or _leaves_folder(name):
        raise refusal("is outside of the folder of the picture")
    path = source.path.parent / name
    try:
        data = read_regular(path, MAX_MEGABYTES << 20)
    except FileNotFoundError:
        return None
    except (NotRegularError, TooLargeError) as problem:
        raise refusal(str(problem)) from None
    except OSError as problem:
        raise refusal(f"cannot be read ({problem.strerror})") from None
    try:
        return parse_manifest(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise refusal("is no UTF-8 text") from None
    except ManifestError as problem:
        raise refusal(str(problem)) from None


def _leaves_folder(name: str) -> bool:
    """Whether a path is absolute on any system, or goes up."""
    parts = {*PurePosixPath(name).parts, *PureWindowsPath(name).parts}
    windows = PureWindowsPath(name)
    return Path(name).is_absolute() or bool(windows.drive or windows.root) or ".." in parts
