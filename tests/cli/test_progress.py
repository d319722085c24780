"""What people read of a finished job on the command line."""

from __future__ import annotations

from dataclasses import replace

from stcn_plugin.bridge.assessment import Assessment, DoubtfulFrame, Problem
from stcn_plugin.bridge.report import Report, WeightsUsed
from stcn_plugin.cli.progress import PlainDisplay

ASSESSMENT = Assessment(
    {"hero": 0.5},
    (DoubtfulFrame(1003, "hero", 0.4),),
    2,
    (1004, 1007),
    (Problem(1002, "hero", "'hero' vanishes at 1002", "Draw it at 1002"),),
)
REPORT = Report(
    objects=("hero",),
    layers={},
    patterns={"hero": "/m/a.####.exr"},
    layout="layers",
    device="cpu",
    precision="float32",
    frames=(1001, 1002),
    seconds={"network": 2.0},
    contact_sheet="/m/sheet.png",
    weights=WeightsUsed("starter", "0" * 64, "CC0", is_noncommercial=False),
    assessment=ASSESSMENT,
)
LOOK_AT = [
    "doubtful: 2 frames; look at 1003",
    "next keyframe: 1004",
    "check: 'hero' vanishes at 1002. Draw it at 1002.",
]


def printed(report: Report, capsys, *, shot: str = "") -> list[str]:
    display = PlainDisplay()
    display.start(shot)
    display.finish(report, 1.25)
    return capsys.readouterr().err.splitlines()


def test_a_job_names_the_frames_to_look_at(capsys):
    """After the frames, the speed and the contact sheet."""
    assert printed(REPORT, capsys) == [
        "2 frames (1001-1002) of hero -> /m/a.####.exr",
        "cpu, float32; network 2.0 s",
        "contact sheet: /m/sheet.png",
        *LOOK_AT,
        f"weights: {REPORT.weights.text}",
    ]


def test_a_job_without_work_names_the_frames_to_look_at(capsys):
    """As the last job did, which the artist may not have seen."""
    report = replace(REPORT, frames=(), device="none", contact_sheet=None)
    assert printed(report, capsys) == ["nothing to do, all mattes are up to date -> /m/a.####.exr", *LOOK_AT]


def test_one_of_several_shots_prints_one_line(capsys):
    """Their details are in the review and in the report."""
    assert printed(REPORT, capsys, shot="sh010") == ["sh010: 2 frames (1001-1002) of hero in 1.2 s -> /m/a.####.exr"]
