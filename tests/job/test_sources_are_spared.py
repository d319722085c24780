"""What a shot may write: never over its sources, and only where it began to."""

from __future__ import annotations

import getpass
import os
import platform
import shutil

import numpy as np
import OpenImageIO as oiio
import pytest
from PIL import Image

from stcn_plugin import make_shot
from stcn_plugin.atomic import _temporary
from stcn_plugin.errors import OutputError
from stcn_plugin.job.checks import shot_outputs
from stcn_plugin.job.prepare import prepare
from stcn_plugin.job.run import run
from stcn_plugin.job.watcher import Watcher
from stcn_plugin.shot.file import load_shot
from stcn_plugin.shot.writer import save_shot


def shot_of(clip, *settings: str, **arguments: object):
    keyframes = {1001: clip.keyframe(1001, 0)}
    return make_shot(
        **{"plate": clip.plate, "out": clip.out, "keyframes": keyframes, "overrides": settings, **arguments}
    )


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_overlays_are_never_written_over_the_plate(clip):
    """A plate whose frames have the names of overlays, in the folder that they would go to."""
    look = clip.folder / "look"
    look.mkdir()
    for frame in range(1001, 1009):
        Image.open(clip.folder / f"plate.{frame}.png").convert("RGB").save(look / f"overlay.{frame}.jpg")
    before = contents(clip.folder)
    shot = shot_of(clip, f"overlay.folder={look}", plate=str(look / "overlay.####.jpg"))
    before |= contents(clip.folder)  # the keyframe
    with pytest.raises(OutputError, match=r"overlay\.1001\.jpg: this file is a frame of the plate and would be"):
        prepare(shot)
    assert contents(clip.folder) == before
    assert not (clip.folder / "out").exists()


def test_overlays_spare_frames_of_the_plate_outside_of_the_range(clip):
    """Files on disk that belong to the plate count, whatever part of it is propagated."""
    (clip.folder / "contact_sheet.jpg").symlink_to(clip.folder / "plate.1008.png")
    with pytest.raises(OutputError, match=r"contact_sheet\.jpg: this file is a frame of the plate"):
        prepare(shot_of(clip, f"overlay.folder={clip.folder}", range="1001-1004"))


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_the_contact_sheet_is_never_written_over_a_keyframe(clip, link):
    """Under whichever name the keyframe is there."""
    look = clip.folder / "look"
    look.mkdir()
    shot = shot_of(clip, f"overlay.folder={look}")
    getattr(look / "contact_sheet.jpg", link)(shot.keyframes[0].file)
    with pytest.raises(OutputError, match=r"contact_sheet\.jpg: this file is a keyframe of the shot and would be"):
        prepare(shot)


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_mattes_are_never_written_over_another_name_of_a_source(clip, link):
    """A link of the matte's name to a frame of the plate, or to a keyframe."""
    (clip.folder / "out").mkdir()
    shot = shot_of(clip)
    source = (clip.folder / "plate.1005.png").resolve() if link == "symlink_to" else shot.keyframes[0].file
    getattr(clip.folder / "out" / "matte.1003.exr", link)(source)
    with pytest.raises(
        OutputError, match=r"matte\.1003\.exr: this file is a (frame of the plate|keyframe of the shot)"
    ):
        prepare(shot)


def test_a_saved_shot_is_never_written_over_a_source(clip):
    """What says of itself that it may be replaced is still spared where the shot is made of it."""
    shot = shot_of(clip)
    saved = save_shot(shot, clip.folder / "s.yaml", outputs=shot_outputs(shot))
    assert load_shot(saved).plate == clip.plate
    (clip.folder / "plate.1002.png").unlink()
    (clip.folder / "plate.1002.png").symlink_to(saved)
    before = saved.read_bytes()
    with pytest.raises(OutputError, match=r"s\.yaml: this file is a frame of the plate and would be overwritten"):
        save_shot(shot, saved, outputs=shot_outputs(shot))
    assert saved.read_bytes() == before


def after_the_first_frame(action):
    """A watcher that does something to the disk once the first matte is there."""
    seen = []

    def on_frame(*_: object) -> None:
        seen.append(True)
        if len(seen) == 1:
            action()

    return Watcher(on_frame=on_frame)


@pytest.mark.parametrize("which", ["out", "look"])
def test_a_folder_that_vanishes_during_the_job_is_an_error(clip, engine, which):
    """Nothing is written to a new folder of the same name, where the first frames would be missing."""
    job = prepare(shot_of(clip, f"overlay.folder={clip.folder / 'look'}"))
    gone = clip.folder / which
    with pytest.raises(
        OutputError, match=rf"{which}/.*no such file or directory.*the folder has been moved or deleted"
    ):
        run(job, engine, watcher=after_the_first_frame(lambda: shutil.rmtree(gone)))
    assert not gone.exists()


def test_a_folder_that_becomes_a_link_to_the_plate_during_the_job_is_an_error(clip, engine):
    """The plate has files of the mattes' names there, and keeps them."""
    out = clip.folder / "out"
    before = contents(clip.folder)

    def swap() -> None:
        out.rename(clip.folder / "moved")
        out.symlink_to(clip.folder)

    job = prepare(shot_of(clip, out=str(out / "plate.####.png")))
    with pytest.raises(OutputError, match=r"plate\.1002\.png: the folder is not the same as when the job started"):
        run(job, engine, watcher=after_the_first_frame(swap))
    out.unlink()
    after = contents(clip.folder)
    assert {path: after[path] for path in before} == before


def test_leftovers_of_a_killed_job_are_gone_when_the_next_one_starts(clip, monkeypatch):
    """In the folder of the mattes and in that of the overlays."""
    for name in ("out", "look"):
        (clip.folder / name).mkdir()
        with monkeypatch.context() as patched:
            patched.setattr(_temporary, "_started", lambda _: 1)
            with _temporary.Folder.opened(clip.folder / name) as folder:
                _temporary.create_temporary(folder, "matte.1005.exr")
        assert len(list((clip.folder / name).iterdir())) == 1
    prepare(shot_of(clip, f"overlay.folder={clip.folder / 'look'}"))
    assert contents(clip.folder / "out") == contents(clip.folder / "look") == {}


def test_nothing_private_goes_from_the_plate_or_the_machine_into_the_files(clip, engine, monkeypatch):
    """Mattes are delivered to others: no notes of the plate, no names of users and machines, no paths, no environment."""
    secrets = {
        "Copyright": "owner-7f3",
        "ImageDescription": "password-7f3",
        "studio/note": "https://user-7f3:pass-7f3@host",
    }
    for frame in range(1001, 1009):
        pixels = np.array(Image.open(clip.folder / f"plate.{frame}.png"), np.float32) / 255
        spec = oiio.ImageSpec(*pixels.shape[1::-1], 3, "half")
        for key, value in secrets.items():
            spec.attribute(key, value)
        output = oiio.ImageOutput.create("plate.exr")
        assert output.open(str(clip.folder / f"plate.{frame}.exr"), spec)
        assert output.write_image(pixels)
        assert output.close()
    plate = clip.folder / "plate.####.exr"
    assert b"password-7f3" in (clip.folder / "plate.1001.exr").read_bytes()
    monkeypatch.setenv("STCN_TEST_TOKEN", "token-7f3")
    names = [
        os.fsencode(name) for name in (platform.node(), getpass.getuser()) if len(name) > 5
    ]  # shorter ones occur by chance
    private = [b"-7f3", os.fsencode(clip.folder), *names]
    for layout, suffix in [
        ("layers", "exr"),
        ("per_object", "exr"),
        ("cryptomatte", "exr"),
        ("auto", "png"),
        ("auto", "tif"),
    ]:
        out = clip.folder / f"out_{layout}_{suffix}"
        settings = [f"output.layout={layout}", "colour.input=srgb_display", f"overlay.folder={out / 'look'}"]
        job = prepare(shot_of(clip, *settings, plate=str(plate), out=str(out / f"m.####.{suffix}"), range="1001-1002"))
        run(job, engine)
        files = [path for path in out.rglob("*") if path.is_file()]
        assert len(files) == 5
        for path in files:
            content = path.read_bytes()
            assert [secret for secret in private if secret in content] == []
