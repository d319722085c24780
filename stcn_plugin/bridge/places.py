"""Where a job's other files go: beside its mattes."""

from __future__ import annotations

import os

from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.errors import HostError

OBJECT = "<object>"
"""Stands for an object's name in a pattern of one file per object."""

KEYFRAME_FOLDER = "keyframes"
"""Folder beside the mattes that rendered keyframes go to."""


def matte_folder(pattern: str) -> str:
    """Return the absolute folder that all mattes of a pattern lie in, above one folder per object.

    >>> matte_folder("/show/<object>/sh010.####.exr")
    '/show'
    """
    folder = os.path.dirname(os.path.abspath(pattern))  # noqa: PTH100, PTH120 - a pattern, not a file
    while OBJECT in folder:
        folder = os.path.dirname(folder)  # noqa: PTH120
    return folder


def keyframe_folder(request: JobRequest) -> str:
    """Return the folder that a request's rendered keyframes go to: beside its mattes, else beside its shot file.

    Raises:
        HostError: The request says neither.
    """
    beside = request.out or request.shot_file
    if beside is None:
        raise HostError("the shot does not say where its mattes go", fix="Give the file pattern of the mattes")
    return os.path.join(matte_folder(beside), KEYFRAME_FOLDER)  # noqa: PTH118
