"""Jobs never overwrite their plate and keyframes, and write only to the folders that they started with."""

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
from stcn_plugin.job.build import build
from stcn_plugin.job.checks import shot_outputs
from stcn_plugin.job.prepare import prepare
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


def test_overlays_never_overwrite_the_plate(clip):
    """The frames of the plate have the names of overlays, in the overlay folder."""
    look = clip.folder / "look"
    look.mkdir()
    for frame in range(1001, 1009):
        Image.open(clip.folder / f"plate.{frame}.png").convert("RGB").save(look / f"overlay.{frame}.jpg")
    before = contents(clip.folder)
    shot = shot_of(clip, f"overlay.folder={look}", plate=str(look / "overlay.####.jpg"))
    before |= contents(clip.folder)  # the keyframe
    with pytest.raises(OutputError, match="frame of the plate") as caught:
        prepare(shot)
    assert caught.value.where == str(look / "overlay.1001.jpg")
    assert contents(clip.folder) == before
    assert not (clip.folder / "out").exists()


def test_plate_files_outside_the_range_are_protected(clip):
    """All plate files on disk are, whichever range is propagated."""
    (clip.folder / "contact_sheet.jpg").symlink_to(clip.folder / "plate.1008.png")
    with pytest.raises(OutputError, match=r"contact_sheet\.jpg: .*frame of the plate"):
        prepare(shot_of(clip, f"overlay.folder={clip.folder}", range="1001-1004"))


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_the_contact_sheet_never_overwrites_a_keyframe(clip, link):
    """Under any name of its file."""
    look = clip.folder / "look"
    look.mkdir()
    shot = shot_of(clip, f"overlay.folder={look}")
    getattr(look / "contact_sheet.jpg", link)(shot.keyframes[0].file)
    with pytest.raises(OutputError, match=r"contact_sheet\.jpg: .*keyframe"):
        prepare(shot)


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_mattes_never_overwrite_a_link_to_a_source(clip, link):
    """A link with the name of a matte to a frame of the plate, or to a keyframe."""
    (clip.folder / "out").mkdir()
    shot = shot_of(clip)
    source = (clip.folder / "plate.1005.png").resolve() if link == "symlink_to" else shot.keyframes[0].file
    getattr(clip.folder / "out" / "matte.1003.exr", link)(source)
    with pytest.raises(OutputError, match=r"matte\.1003\.exr: .*(frame of the plate|keyframe)"):
        prepare(shot)


def test_a_saved_shot_never_overwrites_a_source(clip):
    """Saved shot files may be replaced, but not if they are sources of the shot."""
    shot = shot_of(clip)
    saved = save_shot(shot, clip.folder / "s.yaml", outputs=shot_outputs(shot))
    assert load_shot(saved).plate == clip.plate
    (clip.folder / "plate.1002.png").unlink()
    (clip.folder / "plate.1002.png").symlink_to(saved)
    before = saved.read_bytes()
    with pytest.raises(OutputError, match=r"s\.yaml: .*frame of the plate"):
        save_shot(shot, saved, outputs=shot_outputs(shot))
    assert saved.read_bytes() == before


def after_first_frame(action):
    """Return a watcher that runs an action after the first matte is written."""
    seen = []

    def on_frame(*_: object) -> None:
        seen.append(True)
        if len(seen) == 1:
            action()

    return Watcher(on_frame=on_frame)


@pytest.mark.parametrize("which", ["out", "look"])
def test_a_folder_that_is_deleted_during_a_job_is_an_error(clip, engine, which):
    """It is not created again, because the first frames would be missing."""
    job = prepare(shot_of(clip, f"overlay.folder={clip.folder / 'look'}"))
    gone = clip.folder / which
    with pytest.raises(OutputError, match="moved or deleted") as caught:
        build(job, lambda _: engine, watcher=after_first_frame(lambda: shutil.rmtree(gone)))
    assert caught.value.where.startswith(f"{gone}/")
    assert not gone.exists()


@pytest.mark.parametrize("which", ["out", "look"])
@pytest.mark.parametrize("is_new", [True, False])
def test_files_that_are_gone_at_the_end_are_an_error(clip, engine, which, is_new):
    """A new folder in the place of the one that the first frame is in, or an emptied one, lacks that frame."""
    job = prepare(shot_of(clip, f"overlay.folder={clip.folder / 'look'}", f"cache={clip.folder}"))
    folder = clip.folder / which

    def remove() -> None:
        if is_new:
            folder.rename(clip.folder / "moved")
            folder.mkdir()
        else:
            for path in folder.iterdir():
                path.unlink()

    with pytest.raises(
        OutputError, match=rf"{which}/.*1001\..*: this file was written by this job but no longer exists"
    ):
        build(job, lambda _: engine, watcher=after_first_frame(remove))


def test_a_folder_that_is_replaced_by_a_link_during_a_job_is_an_error(clip, engine):
    """The plate in the other folder has files with the mattes' names, which are not overwritten."""
    out = clip.folder / "out"
    before = contents(clip.folder)

    def swap() -> None:
        out.rename(clip.folder / "moved")
        out.symlink_to(clip.folder)

    job = prepare(shot_of(clip, f"cache={clip.folder / 'cache'}", out=str(out / "plate.####.png")))
    with pytest.raises(OutputError, match=r"plate\.1002\.png: the folder is not the same as when the job started"):
        build(job, lambda _: engine, watcher=after_first_frame(swap))
    out.unlink()
    after = contents(clip.folder)
    assert {path: after[path] for path in before} == before


def test_temporary_files_of_a_killed_job_are_removed_by_the_next(clip, monkeypatch):
    """In the folders of the mattes and the overlays."""
    for name in ("out", "look"):
        (clip.folder / name).mkdir()
        with monkeypatch.context() as patched:
            patched.setattr(_temporary, "started", lambda _: 1)
            with _temporary.Folder.opened(clip.folder / name) as folder:
                _temporary.create_temporary(folder, "matte.1005.exr")
        assert len(list((clip.folder / name).iterdir())) == 1
    prepare(shot_of(clip, f"overlay.folder={clip.folder / 'look'}"))
    assert contents(clip.folder / "out") == contents(clip.folder / "look") == {}


def test_mattes_contain_no_private_metadata(clip, engine, monkeypatch):
    """Mattes are passed on: no notes of the plate, no names of users or machines, no paths."""
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
        build(job, lambda _: engine)
        files = [path for path in out.rglob("*") if path.is_file() and not path.parent.name.endswith(".stcn-cache")]
        assert len(files) == 5
        for path in files:
            content = path.read_bytes()
            assert [secret for secret in private if secret in content] == []
