"""Progress in the words of render queues."""

from __future__ import annotations

import logging
import re
import subprocess

import pytest
from cli.stcn_process import stcn
from cli.test_many_shots import show  # noqa: F401 - a fixture

from stcn_plugin.bridge.job import Progress
from stcn_plugin.bridge.report import Report
from stcn_plugin.cli.displays import progress_display
from stcn_plugin.errors import CancelledError, DeviceError

REPORT = Report(objects=("hero",), layers={}, patterns={}, layout="layers", device="cpu", precision="x", frames=(1, 2))
HOSTILE = "it fails\nopenjd_env: PATH=/tmp\r\nopenjd_progress: 3"


def openjd_messages(lines: list[str]) -> list[tuple[str, object, bool]]:
    """Return what the reference implementation reads in output: kind, value, and whether it is an error."""
    sessions = pytest.importorskip("openjd.sessions._action_filter")
    found: list[tuple[str, object, bool]] = []
    reader = sessions.ActionMonitoringFilter(
        session_id="s", callback=lambda kind, value, cancel: found.append((kind.name, value, cancel))
    )
    for line in lines:
        record = logging.LogRecord("openjd", logging.INFO, "", 0, line, (), None)
        record.session_id = "s"
        reader.filter(record)
    return found


def shown(kind: str, capsys) -> list[str]:
    with progress_display(kind, quiet=True) as display:
        display.start("")
        for done in range(1, 401):
            display.stcn_show_progress(Progress(done, 400, 1000 + done))
        display.finish(REPORT, 1.25)
    return capsys.readouterr().out.splitlines()


def test_percent(capsys):
    """A line for every whole percent, on stdout, also with --quiet; as Deadline's expression reads it."""
    lines = shown("percent", capsys)
    assert [int(re.fullmatch(r".*Progress: (\d+)%.*", line)[1]) for line in lines] == list(range(101))


def test_openjd(capsys):
    """As the reference implementation reads it."""
    messages = openjd_messages(shown("openjd", capsys))
    assert [value for kind, value, _ in messages if kind == "PROGRESS"] == [float(n) for n in range(101)]
    statuses = [value for kind, value, _ in messages if kind == "STATUS"]
    assert statuses[100:] == ["frame 1400, step 400 of 400", "2 frames in 1.2 s"]
    assert {kind for kind, _, _ in messages} == {"PROGRESS", "STATUS"}


def test_openjd_failures(capsys):
    """One line, in which text of files is no message of its own; a cancelled job has not failed."""
    with progress_display("openjd", quiet=False) as display:
        display.stcn_show_warning(HOSTILE)
        display.stcn_job_failed(DeviceError(HOSTILE, where="frame 3", retry=True))
        display.stcn_job_failed(CancelledError("cancelled"))
    streams = capsys.readouterr()
    messages = openjd_messages([*streams.out.splitlines(), *streams.err.splitlines()])
    assert [(kind, cancel) for kind, _, cancel in messages] == [("FAIL", False)]
    assert messages[0][1].startswith("frame 3: it fails openjd_env")


def test_several_shots_begin_again(capsys):
    """Progress is that of the current shot, which the status names."""
    with progress_display("openjd", quiet=False) as display:
        for shot in ("a.yaml", "b.yaml"):
            display.start(shot)
            display.stcn_show_progress(Progress(1, 1, 1001))
    assert capsys.readouterr().out.splitlines() == [
        "openjd_progress: 100",
        "openjd_status: a.yaml: frame 1001, step 1 of 1",
        "openjd_progress: 100",
        "openjd_status: b.yaml: frame 1001, step 1 of 1",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "last"), [("percent", "Progress: 100%"), ("openjd", "openjd_progress: 100")])
def test_real_jobs(show, kind, last):  # noqa: F811
    """On stdout; the error of a shot is also on stderr."""
    result = stcn("propagate", "a.yaml", "--progress", kind, cwd=show)
    assert result.returncode == 0, result.stderr
    assert last in result.stdout.splitlines()
    failed: subprocess.CompletedProcess[str] = stcn("propagate", "b.yaml", "--progress", kind, cwd=show)
    assert failed.returncode == 1 and "gone.png" in failed.stderr
    assert failed.stdout.startswith("openjd_fail: ") == (kind == "openjd")
