"""The command line as real processes: exit codes, stderr, Ctrl-C."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.stcn_process import STCN, stcn
from golden.stand_in import golden_frames, golden_masks
from PIL import Image

from stcn_plugin.media.images import read_image


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A plate of six small frames and a keyframe of one disc."""
    folder = tmp_path_factory.mktemp("cli")
    for number, frame in enumerate(golden_frames(6, 96, 144)):
        Image.fromarray(frame).save(folder / f"p.{1001 + number}.png")
    Image.fromarray(golden_masks(96, 144)[0] * 255).save(folder / "key.png")
    return folder


FLAGS = ("--plate", "p.####.png", "--keyframe", "1001=key.png")


def test_propagate_without_a_shot_file(folder):
    """Plate, keyframe and out are enough; progress and a summary go to stderr, nothing to stdout."""
    result = stcn("propagate", *FLAGS, "--out", "flags/m.####.exr", "--overlay", "look", cwd=folder)
    assert (result.returncode, result.stdout) == (0, "")
    assert "step 6 of 6" in result.stderr
    assert "6 frames (1001-1006) of matte" in result.stderr
    names = sorted(path.name for path in (folder / "flags").iterdir())
    assert names == [*(f"m.{frame}.exr" for frame in range(1001, 1007)), "m.exr.stcn-cache"]
    assert (folder / "look" / "contact_sheet.jpg").is_file()
    assert read_image(folder / "flags" / "m.1003.exr").channels[:4] == ("R", "G", "B", "A")


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="closes a stream by the shell")
@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_stop_a_job(folder, closed):
    """A service or a farm may start the command without any."""
    command = shlex.join([*STCN, "propagate", *FLAGS, "--range", "1001-1002", "--set", "size=64"])
    done = subprocess.run(["sh", "-c", f"{command} --out closed{len(closed)}/m.####.exr {closed}"], cwd=folder)
    assert done.returncode == 0
    names = sorted(path.name for path in (folder / f"closed{len(closed)}").iterdir())
    assert names == ["m.1001.exr", "m.1002.exr", "m.exr.stcn-cache"]


@pytest.mark.slow
@pytest.mark.parametrize("key", ["key.png", "labels.png"])
def test_object_names_the_only_object(folder, key):
    """``--object NAME`` names the object of a grey matte and of a label image; its range is optional."""
    Image.fromarray(golden_masks(96, 144)[0] * 7).save(folder / "labels.png")
    flags = ("--plate", "p.####.png", "--keyframe", f"1001={key}", "--range", "1001-1002", "--set", "size=64")
    result = stcn("propagate", *flags, "--object", "hero", "--out", f"named/{key}.####.exr", cwd=folder)
    assert result.returncode == 0, result.stderr
    assert "2 frames (1001-1002) of hero" in result.stderr
    assert "hero.A" in read_image(folder / "named" / f"{key}.1002.exr").channels


@pytest.mark.slow
def test_an_object_on_several_ranges(folder):
    """``--object NAME=RANGE,RANGE``: the matte is 0 between the ranges; a range without a keyframe is refused."""
    flags = ("--plate", "p.####.png", "--keyframe", "1001=key.png", "--range", "1001-1004", "--set", "size=64")
    out = ("--out", "ranges/m.####.exr")
    result = stcn("propagate", *flags, "--object", "hero=1001-1002,1004", *out, cwd=folder)
    assert result.returncode == 1
    assert "range 1004 of 'hero'" in result.stderr
    flags = (*flags, "--keyframe", "1004=key.png")
    result = stcn("propagate", *flags, "--object", "hero=1001-1002,1004", *out, cwd=folder)
    assert result.returncode == 0, result.stderr
    present = {
        frame: read_image(folder / "ranges" / f"m.{frame}.exr").channel("hero.A").any() for frame in range(1001, 1005)
    }
    assert present == {1001: True, 1002: True, 1003: False, 1004: True}


@pytest.mark.slow
def test_options_override_the_shot_file(folder):
    """The shot file can be run from any folder."""
    shot = folder / "shot.yaml"
    shot.write_text("extends: draft\nplate: p.####.png\nkeyframes: {1001: key.png}\nout: shot/m.####.exr\n")
    result = stcn("propagate", shot, "--range", "1001-1003", "--set", "size=64", "--quiet", cwd=Path("/"))
    assert (result.returncode, result.stdout) == (0, "")
    (warning,) = result.stderr.splitlines()  # of the starter weights' licence
    assert warning.startswith("stcn: warning: ") and "non-commercial" in warning
    assert len(list((folder / "shot").glob("m.*.exr"))) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("propagate",), 2, "missing: --plate, --keyframe, --out"),
        (("propagate", *FLAGS), 2, "missing: --out"),
        (("propagate", "--keyframe", "key.png", "--plate", "p.####.png", "--out", "o.####.exr"), 2, "FRAME=FILE"),
        (("propagate", *FLAGS, "--out", "o.####.exr", "--object", "hero="), 2, "NAME=RANGE"),
        (("propagate", *FLAGS, "--out", "o.####.exr", "--object", "=1001"), 2, "NAME=RANGE"),
        (("propagate", "--unknown"), 2, "--unknown"),
        (("unknown",), 2, "'unknown'"),
        pytest.param(("propagate", *FLAGS, "--out", "o.####.exr", "--device", "cuda:7"), 1, "'cuda:7'", marks=pytest.mark.slow),
        pytest.param(("propagate", *FLAGS, "--out", "o.####.exr", "--weights", "startre"), 1, "starter", marks=pytest.mark.slow),
        (("propagate", *FLAGS, "--out", "o.####.exr", "--set", "memory.intervall=3"), 1, "interval"),
        pytest.param(("propagate", "--plate", "q.####.png", "--keyframe", "1001=key.png", "--out", "o.####.exr"), 1, "q.####.png", marks=pytest.mark.slow),
        (("propagate", *FLAGS, "--out", "o.####.exr", "--range", "1001-1009"), 1, ": 1007-1009"),
        (("propagate", "absent.yaml"), 1, "absent.yaml"),
        (("propagate", *FLAGS, "--out", "o.####.exr", "--segments", ""), 1, "list of segments"),
    ],
)  # fmt: skip
def test_errors_are_one_message(folder, arguments, code, message):
    """Exit code 2 for wrong usage and 1 for other errors; both on stderr, neither with a traceback."""
    result = stcn(*arguments, cwd=folder)
    assert result.returncode == code, result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not list(folder.glob("o.1*"))


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX")
def test_ctrl_c_leaves_complete_files(folder):
    """Every matte on disk is complete, no temporary file is left, and the exit code is 130."""
    out = folder / "interrupted"
    for number in range(1, 60):  # the six frames over and over, long enough to be interrupted
        (folder / f"long.{1000 + number}.png").symlink_to(folder / f"p.{1001 + number % 6}.png")
    command = [
        *STCN,
        "propagate",
        "--plate",
        "long.####.png",
        "--keyframe",
        "1001=key.png",
        "--out",
        f"{out}/m.####.exr",
    ]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while len(list(out.glob("m.1*.exr"))) < 4:
        assert process.poll() is None and time.monotonic() < deadline, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    *written, cache = sorted(out.iterdir())
    assert cache.name == "m.exr.stcn-cache"
    assert 4 <= len(written) < 59
    assert [path.name for path in written] == [f"m.{1001 + number}.exr" for number in range(len(written))]
    for path in written:
        assert read_image(path).pixels.shape == (96, 144, 5)


def test_doctor(folder):
    """It lists versions, devices, weights, colour and disk, and exits with 0 if all are fine."""
    result = stcn("doctor", "--folder", folder / "doctor")
    assert result.returncode == 0, result.stdout
    for check in ("packages", "environment", "device", "weights", "presets", "colour", "disk"):
        assert f" ok   {check}" in result.stdout
    assert list((folder / "doctor").iterdir()) == []


@pytest.mark.slow
def test_doctor_with_a_missing_config(tmp_path):
    """One failed line, exit code 1; the variable that names the config is listed."""
    result = stcn("doctor", OCIO=str(tmp_path / "absent.ocio"))
    assert result.returncode == 1
    (environment,) = (line for line in result.stdout.splitlines() if line.startswith(" ok   environment "))
    assert f"OCIO={tmp_path / 'absent.ocio'}" in environment
    failed = [line for line in result.stdout.splitlines() if line.startswith("FAIL")]
    assert len(failed) == 1
    assert "absent.ocio" in failed[0]


def test_help_has_examples():
    """Examples that can be copied."""
    result = stcn("propagate", "--help")
    assert result.returncode == 0
    assert "stcn propagate sh010.yaml" in result.stdout
    assert "--keyframe 1001=roto/sh010.1001.png" in result.stdout
