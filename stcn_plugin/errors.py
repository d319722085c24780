"""All errors that the package raises to users.

::

    STCNError
    ├── PresetError        a preset or shot file: file, line and key
    ├── FrameRangeError    a frame range or frame pattern that is not valid
    ├── PlateError         a plate that cannot be read
    │   └── MissingFrameError
    ├── MatteError         a matte file that cannot be read or is ambiguous
    │   └── KeyframeError  a keyframe matte that cannot be used
    ├── ColourError        an OCIO config or colour space
    ├── WeightsError       weights that are missing, damaged or of another network
    ├── TrainingError      a training configuration, its data or a checkpoint
    ├── DeviceError        a device that is missing or out of memory
    ├── OutputError        mattes that cannot be written
    ├── PluginError        a studio or host plugin that does not load, or whose hook failed
    ├── HostError          a problem in the host: nothing selected, no roto, a wrong node
    ├── InstallError       a host plugin that cannot be installed or removed
    ├── WorkerError        a worker process that cannot be started, died or hung
    │   └── ProtocolError  host and worker that do not understand each other
    ├── UnexpectedError    a bug in this package
    └── CancelledError     a job that the user or a signal stopped

An error states *what* is wrong, *where*, and how to *fix* it, and whether the same job may succeed on *retry*.
"""

from __future__ import annotations

import errno

_TEMPORARY = frozenset(
    getattr(errno, name)
    for name in (
        *("ENOSPC", "EDQUOT", "EIO", "EREMOTEIO", "ESTALE", "ENODEV", "ENXIO", "ENOMEDIUM"),  # disks and mounts
        *("ENOMEM", "ENFILE", "EMFILE", "EAGAIN", "EINTR", "EBUSY", "ETXTBSY", "EDEADLK", "ENOLCK"),  # the machine
        *("ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH", "ENETRESET", "ENOTCONN"),  # the network
        *("ECONNABORTED", "ECONNREFUSED", "ECONNRESET", "EPIPE", "ESHUTDOWN", "ENOLINK", "ECOMM", "EPROTO"),
    )
    if hasattr(errno, name)
)
"""Errors of the system that may be gone later or on another machine, unlike a missing file or permission."""


def is_temporary(error: BaseException) -> bool:
    """Whether an exception of Python or the system may not occur again: memory, a disk or a network share failed."""
    if isinstance(error, OSError) and error.errno in _TEMPORARY:
        return True
    return isinstance(error, MemoryError) or (error.__cause__ is not None and is_temporary(error.__cause__))


class STCNError(Exception):
    """Base of all errors of this package.

    Args:
        what: What is wrong, without a full stop.
        where: The file, frame, line or key; at the start of the message.
        fix: What the user can do, without a full stop.
        setting: The setting that is wrong, such as ``compute.device``; callers that know where it was set add this to
            ``where``.
        retry: Whether the same job may succeed if it is run again, unchanged: memory ran out, a disk, network share or
            GPU failed, or the worker died. Otherwise its input has to be changed first.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        fix: str | None = None,
        setting: str | None = None,
        retry: bool = False,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.setting = setting
        self.retry = retry

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.fix}." if self.fix else f"{text}."


class PresetError(STCNError):
    """A preset or shot file is wrong; ``where`` is ``file:line`` and the message names the key."""


class FrameRangeError(STCNError):
    """A frame range or frame pattern is not valid."""


class PlateError(STCNError):
    """A plate, or one frame of it, cannot be read."""


class MissingFrameError(PlateError):
    """A frame of the shot has no file on disk."""


class MatteError(STCNError):
    """A matte file cannot be read or is ambiguous."""


class KeyframeError(MatteError):
    """A keyframe matte cannot be used; names the file and the frame."""


class ColourError(STCNError):
    """An OCIO config or a colour space cannot be used."""


class WeightsError(STCNError):
    """Weights are missing, damaged, or belong to another network."""


class TrainingError(STCNError):
    """The configuration, the data or a checkpoint of a training run is wrong."""


class DeviceError(STCNError):
    """The requested device is missing or out of memory."""


class OutputError(STCNError):
    """An output file cannot be written."""


class PluginError(STCNError):
    """A plugin does not load, or its hook failed; names the plugin."""


class HostError(STCNError):
    """Something in the host's script is missing or cannot be used."""


class InstallError(STCNError):
    """A host plugin cannot be installed or removed."""


class WorkerError(STCNError):
    """The worker process cannot be started, died or hung."""


class ProtocolError(WorkerError):
    """Host and worker have different versions, or a message is not valid."""


class UnexpectedError(STCNError):
    """A bug in this package; the message includes the location in the code."""

    @classmethod
    def of(cls, error: BaseException, *, where: str | None = None) -> UnexpectedError:
        """Create the error for an unexpected exception. Raise it ``from`` the exception to keep the traceback.

        Args:
            error: The exception.
            where: The file or frame that was being processed.
        """
        lines = str(error).strip().splitlines()
        what = f"unexpected {type(error).__name__}" + (f": {lines[0]}" if lines else "")
        place = _place(error)
        return cls(
            f"{what} ({place})" if place else what,
            where=where,
            fix="This is a defect of stcn_plugin. Please report it with this message",
            retry=is_temporary(error),
        )


class CancelledError(STCNError):
    """The user or a signal stopped the job; all files on disk are complete.

    Args:
        what: As for `STCNError`.
        where: As for `STCNError`.
        fix: As for `STCNError`.
        signal: Number of the signal that stopped the job, if any.
    """

    def __init__(
        self, what: str, *, where: str | None = None, fix: str | None = None, signal: int | None = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.signal = signal


def _place(error: BaseException) -> str:
    """Return the module and line of the innermost traceback frame in this package."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == "stcn_plugin":
            place = f"{module}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
