"""Plugins in complete shots: their changes are written, and their errors reported."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest
from PIL import Image

from stcn_plugin import make_shot, propagate
from stcn_plugin.errors import CancelledError, PluginError
from stcn_plugin.job.build import build
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.watcher import Watcher

FRAMES = (1001, 1002, 1003)


@pytest.fixture
def shoot(clip, engine, hooks):
    """Run three frames of the clip with plugins."""

    def call(*plugins, watcher=Watcher(), settings=(), objects=(0,)):
        shot = make_shot(
            plate=clip.plate,
            out=clip.out,
            keyframes={1002: clip.keyframe(1002, *objects)},
            range="1001-1003",
            overrides=["compute.precision=float32", *settings],
        )
        return build(prepare(shot, studio=hooks(*plugins)), lambda _: engine, watcher=watcher)

    return call


def upside_down(mattes):
    return {name: matte[::-1] for name, matte in mattes.items()}


def half(mattes):
    return {name: matte / 2 for name, matte in mattes.items()}


def test_processed_mattes_are_written_on_every_frame(shoot, clip):
    """The files have the mattes after all plugins in pluggy's order, also on keyframes."""
    shoot()
    plain = {frame: clip.matte(frame) for frame in FRAMES}
    assert plain[1003].any()

    def cut(mattes):
        return {name: np.minimum(matte, 0.25) for name, matte in mattes.items()}

    shoot({"stcn_process_mattes": cut}, {"stcn_process_mattes": upside_down}, {"stcn_process_mattes": half})
    for frame in FRAMES:
        expected = np.minimum(plain[frame][::-1].astype(np.float32) / 2, 0.25)
        np.testing.assert_allclose(clip.matte(frame), expected, atol=3e-4)


def test_overlays_show_the_processed_mattes(shoot, clip):
    """The overlay shows the written matte, not the propagated one."""
    look = clip.folder / "look"

    def only_corner(mattes):
        corner = np.zeros((96, 144), np.float32)
        corner[60:, 100:] = 1
        return {"a0": corner}

    settings = [f"overlay.folder={look}", "overlay.width=144"]
    shoot({"stcn_process_mattes": only_corner}, settings=settings)
    shown = np.asarray(Image.open(look / "overlay.1003.jpg"), np.float32)
    plate = np.asarray(Image.open(clip.folder / "plate.1003.png"), np.float32)
    change = np.abs(shown - plate).mean(-1)
    assert change[64:, 104:].mean() > 10
    assert change[:56, :96].mean() < 4


def test_notifications_come_in_order(shoot, clip):
    """Started, each frame when it is on disk, finished; with the documented arguments, on the documented threads."""
    notified = []

    def started(out, frames, objects):
        notified.append(("started", out, tuple(frames), tuple(objects), threading.current_thread()))

    def written(frame, files):
        notified.append(("written", frame, [path.stat().st_size > 0 for path in files], threading.current_thread()))

    def finished(report):
        notified.append(("finished", report.frames, threading.current_thread()))

    def failed(out, error):
        notified.append(("failed", error))

    events = {
        "stcn_shot_started": started, "stcn_frame_written": written,
        "stcn_shot_finished": finished, "stcn_shot_failed": failed,
    }  # fmt: skip
    report = shoot(events)
    main = threading.main_thread()
    assert notified[0] == ("started", clip.out, FRAMES, ("a0",), main)
    assert notified[-1] == ("finished", FRAMES, main)
    frames = notified[1:-1]
    assert [event[0] for event in frames] == ["written"] * 3
    assert sorted(event[1] for event in frames) == list(FRAMES)
    assert all(event[2] == [True] and event[3] is not main for event in frames)
    assert report.warnings == ()


def test_an_error_in_a_notification_is_a_warning(shoot, clip):
    """Each failing hook of each plugin gives one warning, immediately and in the report; all mattes are written."""

    def started(out):
        raise LookupError("no tracker")

    def written(frame):
        raise ValueError(f"frame {frame}")

    def finished(report):
        raise OSError(f"{len(report.warnings)} warnings before")

    seen = []
    report = shoot(
        {"stcn_frame_written": written},
        {"stcn_shot_started": started, "stcn_frame_written": written, "stcn_shot_finished": finished},
        watcher=Watcher(on_warning=seen.append),
    )
    assert report.frames == FRAMES
    assert all(clip.matte(frame).any() for frame in FRAMES)
    assert report.warnings == tuple(seen)
    first = seen[1].partition("frame ")[2][:4]
    assert [re.sub(r" See test_shots\.py, line \d+\.$", "", text) for text in seen] == [
        "plugin p1: its hook stcn_shot_started failed (LookupError: no tracker).",
        f"plugin p1: its hook stcn_frame_written failed (ValueError: frame {first}).",
        f"plugin p0: its hook stcn_frame_written failed (ValueError: frame {first}).",
        "plugin p1: its hook stcn_shot_finished failed (OSError: 3 warnings before).",
    ]


def test_an_error_in_a_hook_with_a_result_ends_the_job(shoot, clip):
    """The error names the plugin, files on disk are complete, and plugins are notified of the failure."""
    calls, notified = [], []

    def third_time(mattes):
        calls.append(1)
        if len(calls) == 3:
            raise ZeroDivisionError("oops")

    with pytest.raises(
        PluginError, match=r"^plugin p0: its hook stcn_process_mattes failed \(ZeroDivisionError: oops\)"
    ):
        shoot(
            {"stcn_process_mattes": third_time},
            {
                "stcn_shot_failed": lambda out, error: notified.append((out, error)),
                "stcn_shot_finished": lambda report: notified.append(report),
            },
        )
    ((out, error),) = notified
    assert out == clip.out
    assert isinstance(error, PluginError)
    assert len(list((clip.folder / "out").glob("*.exr"))) == 2


@pytest.mark.parametrize(
    ("hook", "message"),
    [
        ("stcn_open_plate", "plugin p0: its hook stcn_open_plate failed"),
        ("stcn_process_mattes", "plugin p0: its hook stcn_process_mattes failed"),
    ],
)
def test_a_failing_hook_is_named(shoot, hook, message):
    """Each hook with a result that raises ends the job and is named."""
    with pytest.raises(PluginError, match=message):
        shoot({hook: lambda: 1 / 0})


def test_cancelling_notifies_plugins(shoot):
    """Plugins get the CancelledError if the shot had started; an error in that hook is a warning."""
    notified, warned, steps = [], [], []

    def failed(error):
        notified.append(error)
        raise OSError("no tracker")

    with pytest.raises(CancelledError) as caught:
        watcher = Watcher(on_progress=steps.append, is_cancelled=lambda: bool(steps), on_warning=warned.append)
        shoot({"stcn_shot_failed": failed}, watcher=watcher)
    assert notified == [caught.value]
    (text,) = warned
    assert text.startswith(
        "plugin p0: its hook stcn_shot_failed failed (OSError: no tracker). See test_shots.py, line "
    )


def test_an_unexpected_error_reaches_plugins_as_an_stcn_error(shoot):
    """Other exceptions reach plugins as UnexpectedError, and the caller unchanged."""
    notified = []

    def fails(_):
        raise KeyError("who")

    with pytest.raises(KeyError):
        shoot({"stcn_shot_failed": lambda error: notified.append(str(error))}, watcher=Watcher(on_progress=fails))
    assert len(notified) == 1
    assert notified[0].startswith("unexpected KeyError: 'who' (stcn_plugin.")


def test_errors_before_the_start_are_not_notified(shoot, clip):
    """Plugins are not notified of errors that are found before a shot starts."""
    notified = []
    (clip.folder / "plate.1001.png").unlink()
    with pytest.raises(Exception, match="1 of 3 frames have no file"):
        shoot(
            {
                "stcn_shot_started": lambda: notified.append("started"),
                "stcn_shot_failed": lambda: notified.append("failed"),
            }
        )
    assert notified == []


def test_propagate_runs_only_the_given_plugins(clip, engine, tmp_path, monkeypatch):
    """`propagate` ignores plugins of the environment unless hooks are passed."""
    from stcn_plugin.studio import studio_hooks

    file = tmp_path / "dark.py"
    file.write_text(
        "from stcn_plugin.studio import hookimpl\n\n"
        "@hookimpl\ndef stcn_process_mattes(mattes):\n    return {name: matte * 0 for name, matte in mattes.items()}\n"
    )
    monkeypatch.setenv("STCN_PLUGINS", str(file))
    keyframes = {1001: clip.keyframe(1001, 0)}
    shot = make_shot(plate=clip.plate, out=clip.out, keyframes=keyframes, range="1001-1002")
    propagate(shot, engine_for=lambda _: engine)
    assert clip.matte(1002).any()
    propagate(shot, engine_for=lambda _: engine, studio=studio_hooks())
    assert not clip.matte(1001).any()
    assert not clip.matte(1002).any()


def test_weights_of_a_plugin_are_passed_as_a_file(clip, engine, hooks, tmp_path):
    """`engine_for` gets the path of the weights, not their name."""
    from job.conftest import STARTER

    file = tmp_path / "show.safetensors"
    file.symlink_to(STARTER)
    requested = []
    shot = make_shot(
        plate=clip.plate,
        out=clip.out,
        keyframes={1001: clip.keyframe(1001, 0)},
        range="1001-1002",  # a keyframe alone needs no weights
        overrides=["weights=show"],
    )
    propagate(
        shot,
        engine_for=lambda settings: requested.append(settings.weights) or engine,
        studio=hooks({"stcn_weights_files": lambda: {"show": file}}),
    )
    assert requested == [str(file)]
