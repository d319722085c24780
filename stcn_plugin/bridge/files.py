"""Names and folders of a job's files: mattes, rendered keyframes and the shot file."""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.errors import HostError, STCNError
from stcn_plugin.frames import FRAME_TOKEN, frame_token, padded

OBJECT = "<object>"
"""Placeholder for the object's name in a pattern with one file per object."""

KEYFRAME_FOLDER = "keyframes"
"""Name of the folder of rendered keyframes, next to the mattes."""

SHOT_SUFFIX = ".stcn.yaml"
"""Suffix of shot files that hosts save."""

_LAST_HASHES = re.compile(r"#+(?=[^#/\\]*\Z)")


def expanded(path: str | Path, *, error: type[STCNError] = HostError) -> Path:
    """Return a path with ``~`` and ``~name`` at its start replaced by the home folder.

    Args:
        path: The path, which need not exist. ``./~name`` is a file of that name.
        error: Class of the error.

    Raises:
        STCNError: There is no such home folder.
    """
    text = os.fspath(path)
    found = os.path.expanduser(text)  # noqa: PTH111 - as a Path, it would lose the dot of ./~name
    if text.startswith("~") and found == text:
        raise error("there is no such home folder", where=text, fix="Write the full path")
    return Path(found)


def has_frame_number(pattern: str) -> bool:
    """Return whether a file name has a placeholder for the frame number, such as ``####`` or ``%04d``."""
    return frame_token(os.path.basename(pattern)) is not None  # noqa: PTH119 - a pattern, not a file


def frame_path(pattern: str, frame: int) -> str:
    """Return the file of one frame.

    The frame number replaces the last run of ``#`` in the file name.

    >>> frame_path("/show#2/sh010.####.exr", 7)
    '/show#2/sh010.0007.exr'

    Args:
        pattern: Frame pattern with ``#``, as reports have it.
        frame: Frame number.
    """
    return _LAST_HASHES.sub(lambda hashes: padded(frame, len(hashes[0])), pattern)


def pattern_name(pattern: str) -> str:
    """Return the file name of a pattern without frame number, object and suffix; ``mattes`` if nothing is left.

    >>> pattern_name("/show/mattes/sh010.####.exr"), pattern_name("/show/<object>/<object>.v2.%04d.exr")
    ('sh010', 'v2')
    """
    name = FRAME_TOKEN.sub("", re.split(r"[/\\]", pattern)[-1]).replace(OBJECT, "")
    return re.sub(r"[._-]{2,}", ".", name.rpartition(".")[0]).strip("._- ") or "mattes"


def matte_folder(pattern: str) -> str:
    """Return the absolute folder that contains all mattes of a pattern; with one folder per object, their parent.

    >>> matte_folder("/show/<object>/sh010.####.exr")
    '/show'
    """
    folder = os.path.dirname(os.path.abspath(pattern))  # noqa: PTH100, PTH120 - a pattern, not a file
    while OBJECT in folder:
        folder = os.path.dirname(folder)  # noqa: PTH120
    return folder


def default_matte_pattern(folder: str, plate: str, *, padding: int = 4) -> str:
    """Return the frame pattern of mattes for which the artist gives no name.

    >>> default_matte_pattern("/show/mattes", "sh010")
    '/show/mattes/sh010/sh010_matte.####.exr'

    Args:
        folder: The folder of the mattes of all plates.
        plate: Name of the plate.
        padding: Digits of the frame number.
    """
    return os.path.join(folder, plate, f"{plate}_matte.{'#' * padding}.exr")  # noqa: PTH118


def shot_file_path(out: str) -> str:
    """Return where a host saves the shot file of mattes: next to them, under their name.

    >>> shot_file_path("/show/sh010.####.exr")
    '/show/sh010.stcn.yaml'
    """
    return os.path.join(matte_folder(out), f"{pattern_name(out)}{SHOT_SUFFIX}")  # noqa: PTH118


def keyframe_folder(request: JobRequest) -> str:
    """Return the folder of a job's rendered keyframes: next to its mattes, or next to its shot file.

    Raises:
        HostError: The request has neither.
    """
    sibling = request.out or request.shot_file
    if sibling is None:
        raise HostError("the shot has no file pattern for its mattes", fix="Set the file pattern of the mattes")
    return os.path.join(matte_folder(sibling), KEYFRAME_FOLDER)  # noqa: PTH118


def keyframe_path(request: JobRequest, folder: str, object_name: str, frame: int) -> str:
    """Return the file of one rendered keyframe, named after the job, the object and the frame.

    Args:
        request: The job.
        folder: As passed to `stcn_render_keyframes`.
        object_name: The object; different names give different files, whatever characters they have.
        frame: Frame number of the plate.
    """
    if request.out:
        job = pattern_name(request.out)
    else:
        job = re.sub(r"(\.stcn)?\.ya?ml$", "", os.path.basename(request.shot_file or ""))  # noqa: PTH119
    clean = re.sub(r"[^\w-]+", "_", object_name)
    if clean != object_name:
        clean += f"_{zlib.crc32(object_name.encode('utf-8', 'surrogatepass')):08x}"
    return frame_path(os.path.join(folder, f"{job}.{clean}.####.exr"), frame)  # noqa: PTH118
