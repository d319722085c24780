"""All errors that users can see, in one tree.

::

    STCNError
    ├── PresetError        a preset or shot file: file, line and key
    ├── FrameRangeError    a frame range or a sequence pattern that cannot be understood
    ├── PlateError         a plate that cannot be read
    │   └── MissingFrameError
    ├── MatteError         a matte file that cannot be read, or whose matte is ambiguous
    │   └── KeyframeError  a keyframe matte that cannot be used
    ├── ColourError        an OCIO config or colour space
    ├── WeightsError       weights that are missing, damaged or of another network
    ├── TrainingError      a training configuration, its data or a checkpoint
    ├── DeviceError        a device that is not available or out of memory
    ├── OutputError        mattes that cannot be written
    ├── PluginError        a studio or host plugin that does not load, or whose hook failed
    ├── HostError          a problem inside the compositing tool: nothing selected, no roto, a wrong node
    ├── InstallError       a host plugin that cannot be installed or removed
    ├── WorkerError        a worker process that cannot be started, died or hung
    │   └── ProtocolError  an invalid message, or different protocol versions of host and worker
    ├── UnexpectedError    a bug in this package
    └── CancelledError     a job that the user or a signal stopped

Every error states *what* is wrong, *where*, and how to *fix* it. Users never see any other exception.
"""

from __future__ import annotations


class STCNError(Exception):
    """Base class of all errors of this package.

    Args:
        what: What is wrong, a sentence without its full stop.
        where: The file, frame, line or key; comes first in the message.
        fix: What the user can do, a sentence without its full stop.
        setting: The setting that is wrong, such as ``compute.device``. A caller that knows its origin adds that to
            ``where``.
    """

    def __init__(
        self, what: str, *, where: str | None = None, fix: str | None = None, setting: str | None = None
    ) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.fix = fix
        self.setting = setting

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.fix}." if self.fix else f"{text}."


class PresetError(STCNError):
    """A preset or shot file is wrong; ``where`` is ``file:line`` and the message names the key."""


class FrameRangeError(STCNError):
    """A frame range or a sequence pattern cannot be understood."""


class PlateError(STCNError):
    """A plate, or one frame of it, cannot be read."""


class MissingFrameError(PlateError):
    """A frame of the shot has no file on disk."""


class MatteError(STCNError):
    """A matte file cannot be read, or its matte is ambiguous."""


class KeyframeError(MatteError):
    """A keyframe matte cannot be used; ``where`` has the file and the frame."""


class ColourError(STCNError):
    """An OCIO config or a colour space cannot be used."""


class WeightsError(STCNError):
    """Weights are missing, damaged, or belong to another network."""


class TrainingError(STCNError):
    """Training cannot continue: the configuration, the data or a checkpoint is invalid."""


class DeviceError(STCNError):
    """The requested device is not available, or out of memory."""


class OutputError(STCNError):
    """A file cannot be written."""


class PluginError(STCNError):
    """A plugin does not load, or its hook failed; ``where`` has the plugin."""


class HostError(STCNError):
    """Something in the compositing tool's script is missing or cannot be used."""


class InstallError(STCNError):
    """A host plugin cannot be installed or removed."""


class WorkerError(STCNError):
    """The worker process cannot be started, died or hung."""


class ProtocolError(WorkerError):
    """Host and worker use different protocol versions, or a message is invalid."""


class UnexpectedError(STCNError):
    """A bug in this package. The message has the exception, and the line of code that raised it."""

    @classmethod
    def of(cls, error: BaseException, *, where: str | None = None) -> UnexpectedError:
        """Return the error for an unexpected exception. Raise it ``from`` the exception to keep the traceback.

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
    """Return module and line of the innermost stack frame in this package; empty if there is none."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == "stcn_plugin":
            place = f"{module}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
