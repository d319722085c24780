"""File names: as Nuke's knobs want them, and where a job's files go."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from stcn_plugin.frames import FRAME_TOKEN, padded

_LAST_HASHES = re.compile(r"#+(?=[^#/]*\Z)")


def forward(path: str) -> str:
    """Return a path with the forward slashes that Nuke wants on every system."""
    return path.replace("\\", "/")


def absolute(path: str) -> str:
    """Return a path from the root on: the script, the shot file and the worker all have to find it."""
    return forward(str(Path(path).expanduser().absolute()))


def stem(pattern: str) -> str:
    """Return the file name of a pattern without frame number, object and ending.

    >>> stem("mattes/sh010.####.exr")
    'sh010'
    """
    name = FRAME_TOKEN.sub("", PurePosixPath(forward(pattern)).name).replace("<object>", "")
    return re.sub(r"[._-]{2,}", ".", name.rpartition(".")[0]).strip("._- ") or "mattes"


def shot_file(out: str) -> str:
    """Return the shot file that belongs to mattes: beside them."""
    return f"{_folder(out)}/{stem(out)}.yaml"


def plate_pattern(out: str, node: str) -> str:
    """Return where a node's pictures go that had to be rendered as the plate of mattes."""
    return f"{_folder(out)}/plate/{stem(out)}.{node}.####.exr"


def frame_file(pattern: str, frame: int) -> str:
    """Return the file of a frame: its number stands for the last run of # in the file's name, never in a folder's.

    A negative frame is as Nuke and the worker have it: its sign takes one of the characters.
    """
    return _LAST_HASHES.sub(lambda token: padded(frame, len(token.group())), pattern)


def default_out(script: str, plate: str) -> str:
    """Return where mattes go unless the artist says otherwise: beside the script, else in the home folder.

    Args:
        script: The script's file, empty where it was never saved.
        plate: Name of the plate's node.
    """
    folder = Path(script).absolute().parent if script else Path.home()
    return forward(str(folder / "mattes" / plate / f"{plate}.####.exr"))


def _folder(out: str) -> str:
    """Return the folder of a pattern; without what depends on the object."""
    folder = PurePosixPath(forward(out)).parent
    while "<object>" in folder.as_posix():
        folder = folder.parent
    return folder.as_posix()
