"""Every error a person may meet, in one tree.

::

    STCNError
    ├── PresetError        a preset or shot file: file, line and key
    ├── FrameRangeError    a frame range or a sequence pattern that cannot be understood
    ├── PlateError         a plate that cannot be read
    │   └── MissingFrameError
    ├── MatteError         a matte file that cannot be read, or does not say what its matte is
    │   └── KeyframeError  a keyframe matte that cannot be used
    ├── ColourError        an OCIO config or colour space
    ├── WeightsError       weights that are absent, damaged or of another network
    ├── TrainingError      a training configuration, its data or a checkpoint
    ├── DeviceError        a device that is absent or out of memory
    ├── OutputError        mattes that cannot be written
    ├── PluginError        a studio's or a host's plugin that does not load, or whose hook failed
    ├── HostError          something inside the compositing tool: nothing selected, no roto, a node of another kind
    ├── InstallError       a host's plugin cannot be installed or removed
    ├── WorkerError        the worker process cannot be started, died or hung
    │   └── ProtocolError  host and worker do not understand each other
    ├── UnexpectedError    a defect of this package
    └── CancelledError     the user or a signal stopped the job

An error says *what* is wrong, *where*, and what to *do*; nothing else reaches the user.
"""

from __future__ import annotations


class STCNError(Exception):
    """Base of all errors of this package.

    Args:
        what: What is wrong, a sentence without its full stop.
        where: File, frame, line or key it is about; told first.
        fix: What the user can do, a sentence without its full stop.
        setting: The setting that is wrong, such as ``compute.device``. Whoever knows where it was set adds that to
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
    """A matte file cannot be read, or does not say what its matte is."""


class KeyframeError(MatteError):
    """A keyframe matte cannot be used; names the file and the frame."""


class ColourError(STCNError):
    """An OCIO config or a colour space cannot be used."""


class WeightsError(STCNError):
    """Weights are absent, damaged, or belong to another network."""


class TrainingError(STCNError):
    """Training cannot go on: its configuration, its data or a checkpoint is wrong."""


class DeviceError(STCNError):
    """The device asked for is absent, or ran out of memory."""


class OutputError(STCNError):
    """Mattes cannot be written where they should go."""


class PluginError(STCNError):
    """A plugin does not load, or its hook failed; names the plugin."""


class HostError(STCNError):
    """Something in the compositing tool's script is missing or cannot be used."""


class InstallError(STCNError):
    """A host's plugin cannot be installed or removed."""


class WorkerError(STCNError):
    """The worker process cannot be started, died or hung."""


class ProtocolError(WorkerError):
    """Host and worker do not understand each other: other versions, or no message at all."""


class UnexpectedError(STCNError):
    """An error that nobody foresaw: a defect of this package. Tells what was being worked on and the place in the code."""

    @classmethod
    def of(cls, error: BaseException, *, where: str | None = None) -> UnexpectedError:
        """Describe an error for a person; its traceback remains available as the cause where this is raised from it.

        Args:
            error: What was raised.
            where: The file or frame that was being worked on.
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
    """The user or a signal stopped the job; every file already on disk is whole.

    Args:
        what: As for every error.
        where: As for every error.
        fix: As for every error.
        signal: Number of the signal that stopped it, where one did.
    """

    def __init__(
        self, what: str, *, where: str | None = None, fix: str | None = None, signal: int | None = None
    ) -> None:
        super().__init__(what, where=where, fix=fix)
        self.signal = signal


def _place(error: BaseException) -> str:
    """Return module and line of the innermost frame of this package that an error went through."""
    place, traceback = "", error.__traceback__
    while traceback is not None:
        module = str(traceback.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == "stcn_plugin":
            place = f"{module}, line {traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place
