"""What a job is working on is known, and an error that nobody foresaw names it."""

from __future__ import annotations

import threading

import pytest
import torch

from stcn_plugin.errors import CancelledError, DeviceError, PlateError, UnexpectedError
from stcn_plugin.job.activities import Activities, Activity, described, device_errors_described


def test_the_oldest_piece_of_work_comes_first():
    """Whatever begins or ends is told with all that is under way, on whichever thread."""
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


def test_going_on_is_told_and_may_be_refused():
    """Between two stages of one piece of work."""
    seen, wanted = [], []
    activities = Activities(seen.append, lambda: bool(wanted))
    with pytest.raises(CancelledError, match="are whole"), activities.during("computing"):
        activities.go_on()
        assert seen == [(Activity("computing"),)] * 2
        wanted.append("stop")
        activities.go_on()
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
def test_an_error_that_nobody_foresaw_names_the_work(error, kind, what):
    """With its file, and with the place in this package's code that raised it."""
    with pytest.raises(kind) as caught, Activities().during("reading frame 1003", "/p/p.1003.exr"):
        raise error
    assert caught.value.__cause__ is error
    assert caught.value.where == "reading frame 1003 (/p/p.1003.exr)"
    assert caught.value.what.startswith(what)
    assert caught.value.fix


def test_the_place_in_the_code_is_told():
    """Of the innermost frame of this package, not of a library's that it called."""

    def fail(_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        Activities(fail).go_on()
    assert "(stcn_plugin.job.activities, line " in described(caught.value).what


def test_errors_in_words_pass_as_they_are():
    """So does what is no error: an interrupt, and the end of the process."""
    for error in (PlateError("is cut"), KeyboardInterrupt(), SystemExit(3)):
        with pytest.raises(type(error)) as caught, Activities().during("reading"):
            raise error
        assert caught.value is error


def test_only_devices_are_described_elsewhere():
    """Errors of a program's own callbacks stay what they are."""
    with pytest.raises(KeyError), device_errors_described():
        raise KeyError("who")
    with pytest.raises(DeviceError, match="out of memory"), device_errors_described():
        raise MemoryError
