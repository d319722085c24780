"""Activities are reported, and unexpected errors name the one that failed."""

from __future__ import annotations

import threading

import pytest
import torch

from stcn_plugin.errors import CancelledError, DeviceError, PlateError, UnexpectedError
from stcn_plugin.job.activities import Activities, Activity, describe_device_errors, describe_error


def test_activities_of_all_threads_are_reported_oldest_first():
    """Every beginning and end reports all current activities, of any thread."""
    seen = []
    activities = Activities(lambda running: seen.append([each.what for each in running]))
    with activities.during("reading"):
        with activities.during("computing"):
            pass
        writing = activities.during("writing")
        thread = threading.Thread(target=writing.__enter__)
        thread.start()
        thread.join()
    assert seen == [["reading"], ["reading", "computing"], ["reading"], ["reading", "writing"], ["writing"]]
    writing.__exit__(None, None, None)
    assert seen[-1] == []


def test_a_checkpoint_reports_and_may_cancel():
    """Between two stages of one activity."""
    seen, cancelled = [], []
    activities = Activities(seen.append, lambda: bool(cancelled))
    with pytest.raises(CancelledError), activities.during("computing"):
        activities.checkpoint()
        assert seen == [(Activity("computing"),)] * 2
        cancelled.append(True)
        activities.checkpoint()
    assert seen[-1] == ()


@pytest.mark.parametrize(
    ("error", "kind", "what"),
    [
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), UnexpectedError, "unexpected UnicodeDecodeError: "),
        (KeyError("who"), UnexpectedError, "unexpected KeyError: 'who'"),
        (ValueError(), UnexpectedError, "unexpected ValueError"),
        (MemoryError(), DeviceError, "the device is out of memory"),
        (torch.AcceleratorError("CUDA error: device-side assert triggered\nFor debugging"), DeviceError, "the GPU stopped working (CUDA error: device-side assert triggered)"),
        (RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"), DeviceError, "the GPU stopped working"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)  # fmt: skip
def test_an_unexpected_error_names_the_activity(error, kind, what):
    """With its file; memory and GPU errors become a `DeviceError`."""
    with pytest.raises(kind) as caught, Activities().during("reading frame 1003", "/p/p.1003.exr"):
        raise error
    assert caught.value.__cause__ is error
    assert caught.value.where == "reading frame 1003 (/p/p.1003.exr)"
    assert caught.value.what.startswith(what)
    assert caught.value.fix


def test_an_unexpected_error_names_the_line_of_code():
    """The innermost frame of this package, not of a library that it called."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        Activities(fail).checkpoint()
    assert "(stcn_plugin.job.activities, line " in describe_error(caught.value).what


def test_errors_of_the_package_pass_unchanged():
    """So do interrupts and exits, which are not errors."""
    for error in (PlateError("is cut"), KeyboardInterrupt(), SystemExit(3)):
        with pytest.raises(type(error)) as caught, Activities().during("reading"):
            raise error
        assert caught.value is error


def test_describe_device_errors_leaves_other_errors_alone():
    """Exceptions of a program's own callbacks pass unchanged."""
    with pytest.raises(KeyError), describe_device_errors():
        raise KeyError("who")
    with pytest.raises(DeviceError, match="out of memory"), describe_device_errors():
        raise MemoryError
