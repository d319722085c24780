"""``stcn review``: the page of a shot, its pictures, its JSON, and the index of many. Real processes."""

from __future__ import annotations

import base64
import hashlib
import html.parser
import io
import json
import os
import platform
import re
import shutil
import subprocess

import numpy as np
import pytest
from cli.stcn_process import stcn
from PIL import Image
from shots import COUNT, HOSTILE, SIZE, make_shot

from stcn_plugin.media.images import read_image
from stcn_plugin.review.page import IndexEntry, index_page


class Page(html.parser.HTMLParser):
    """The elements of a page, and the text of those with an id."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self._in = attributes.get("id") or tag

    def handle_endtag(self, tag):
        self._in = ""

    def handle_data(self, data):
        if self._in:
            self.texts[self._in] = self.texts.get(self._in, "") + data


@pytest.fixture(scope="module")
def page(reviewed) -> Page:
    return Page((reviewed / "shot.html").read_text())


def picture(page: Page, name: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(page.texts[name]))).convert("RGB"))


def test_the_page_is_self_contained(page):
    """No element refers to another file; the policy allows exactly the style and the script of the page."""
    for tag, attributes in page.tags:
        assert not {"src", "href", "srcset", "style", "onclick"} & set(attributes), (tag, attributes)
    [policy] = [a["content"] for t, a in page.tags if t == "meta" and a.get("http-equiv") == "Content-Security-Policy"]
    hashes = {
        base64.b64encode(hashlib.sha256(page.texts[tag].encode()).digest()).decode() for tag in ("style", "script")
    }
    assert set(re.findall(r"'sha256-([^']+)'", policy)) == hashes
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy


def test_names_are_escaped(page, reviewed):
    """A name with markup is text in the page, and cannot end the script element with the data."""
    text = (reviewed / "shot.html").read_text()
    assert HOSTILE not in text
    assert [each["name"] for each in json.loads(page.texts["data"])["objects"]] == [HOSTILE, "plain"]


def test_the_page_has_a_picture_of_every_frame(page, shot):
    """The plate is close to the source; the mattes are those on disk, to 8 bits."""
    data = json.loads(page.texts["data"])
    assert data["frames"] == list(range(1001, 1001 + COUNT))
    assert data["size"] == [SIZE[1], SIZE[0]]
    for index in range(COUNT):
        source = np.asarray(Image.open(shot.parent / f"p.{1001 + index}.png").convert("RGB"), np.float32)
        assert np.abs(picture(page, f"p{index}") - source).mean() < 6
        matte = read_image(shot.parent / "m" / f"m.{1001 + index}.exr")
        layers = [each for each in matte.channels if each.endswith(".A")]
        assert len(layers) == 2
        found = picture(page, f"m{index}-0")
        for channel, name in ((0, next(each for each in layers if each != "plain.A")), (1, "plain.A")):
            np.testing.assert_array_equal(found[..., channel], np.rint(255 * matte.channel(name)))
        assert not found[..., 2].any()
        if index < COUNT - 1:  # the earlier version is the inverse, without the last frame
            np.testing.assert_allclose(picture(page, f"b{index}-0")[..., :2], 255.0 - found[..., :2], atol=1)


def test_the_edge_is_shown_pixel_for_pixel(page):
    """The part at plate resolution is of the plate and of all mattes at the same place; here, it is the whole frame."""
    assert picture(page, "c1").shape == (*SIZE, 3)
    np.testing.assert_array_equal(picture(page, "d1-0"), picture(page, "m1-0"))
    np.testing.assert_array_equal(picture(page, "e1-0"), picture(page, "b1-0"))
    assert f"e{COUNT - 1}-0" not in page.texts


def test_timings_name_machine_and_device(page):
    ((where, text),) = dict(json.loads(page.texts["data"])["facts"])["Time"]
    assert where == f"{platform.node()}, auto"
    assert re.search(r"[\d.]+ s per step of the network, [\d.]+ s per frame to finish and write", text)


def test_the_json_has_every_figure(reviewed):
    data = json.loads((reviewed / "shot.json").read_text())
    assert data["shot"] == "shot"
    assert data["state"] in ("done", "doubtful")
    assert data["not_up_to_date"] == []
    assert data["segments"] == [[1001, 1000 + COUNT]]
    first, _ = data["objects"]
    assert (first["name"], first["keyframes"]) == (HOSTILE, [1001, 1000 + COUNT])
    assert [each["frame"] for each in first["frames"]] == list(range(1001, 1001 + COUNT))
    assert first["frames"][0]["confidence"] == 1
    assert all({"area", "agreement", "certainty", "softness"} <= set(each) for each in first["frames"])
    flicker = [each["flicker"] for each in first["frames"]]
    assert flicker[0] is flicker[-1] is None
    assert all(0 <= each < 1 for each in flicker[1:-1])
    assert [(each["from"], each["to"]) for each in first["closure"]] == [(1001, 1000 + COUNT), (1000 + COUNT, 1001)]
    assert data["weights"]["licence"]


def test_overlays_of_the_last_run_make_no_difference(tmp_path):
    """A shot that was run with overlays is up to date for a review without them."""
    shot = make_shot(tmp_path, "--overlay", "look")
    assert (tmp_path / "look").is_dir()
    result = stcn("review", shot, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert json.loads((tmp_path / "review" / "shot.json").read_text())["not_up_to_date"] == []


def test_many_shots_have_an_index(shot, tmp_path):
    """A shot that cannot be read is listed as failed, and one without mattes as unfinished."""
    text = shot.read_text()
    other = shot.parent / "other.yaml"
    other.write_text(text.replace("m/m.", "none/m."))
    broken = shot.parent / "broken.yaml"
    broken.write_text(text.replace("key.1001", "gone.1001"))
    result = stcn("review", shot, other, broken, "--out", tmp_path / "look", cwd=shot.parent)
    assert result.returncode == 1
    assert "gone.1001" in result.stderr
    page = Page((tmp_path / "look" / "index.html").read_text())
    links = [attributes["href"] for tag, attributes in page.tags if tag == "a"]
    assert sorted(links) == ["./other.html", "./shot.html"]
    states = [attributes["class"] for tag, attributes in page.tags if tag == "span"]
    assert states[:2] == ["state failed", "state unfinished"]
    summary = json.loads((tmp_path / "look" / "other.json").read_text())["summary"]
    assert f"{COUNT} frames" in summary and "no earlier run" in summary
    assert not (shot.parent / "none").exists()
    assert {path.name for path in (tmp_path / "look").iterdir()} == {
        "index.html", "shot.html", "shot.json", "other.html", "other.json",
    }  # fmt: skip


def test_the_index_escapes_what_comes_from_files():
    entry = IndexEntry('<i>"', "failed", None, "", {"<u>": 0.5}, (), None, "<script>alert(1)</script>")
    linked = IndexEntry("a", "done", 'javascript:"x".html', "1", {}, (), None, "")
    text = index_page([entry, linked]).decode()
    assert "<i>" not in text and "<u>" not in text and "<script>" not in text
    assert 'href="./javascript%3A%22x%22.html"' in text


def test_options_of_one_shot(shot):
    result = stcn("review", shot, shot.parent / "p.*.png", "--movie", "a.mp4", cwd=shot.parent)
    assert result.returncode == 2
    assert "--movie" in result.stderr


@pytest.mark.parametrize(("suffix", "codec"), [(".mp4", "h264"), (".mov", "prores")])
def test_movie(shot, tmp_path, suffix, codec):
    """The movie has every frame, and the tags of BT.709."""
    if not shutil.which("ffprobe") or not shutil.which("ffmpeg"):
        pytest.skip("there is no ffmpeg on the PATH")
    movie = tmp_path / f"look{suffix}"
    result = stcn("review", shot, "--out", tmp_path, "--movie", movie, "--fps", 25, cwd=shot.parent)
    assert result.returncode == 0, result.stderr
    entries = "stream=codec_name,width,height,nb_frames,color_space,color_primaries,r_frame_rate"
    probe = subprocess.run(
        ["ffprobe", "-v", "error", "-show_entries", entries, "-of", "json", movie], capture_output=True, check=True
    )
    [stream] = json.loads(probe.stdout)["streams"]
    assert stream["codec_name"] == codec
    assert (stream["width"], stream["height"], stream["nb_frames"]) == (96, 64, str(COUNT))
    assert stream["color_space"] == stream["color_primaries"] == "bt709"
    assert stream["r_frame_rate"] == "25/1"


def test_a_movie_needs_ffmpeg(shot, tmp_path):
    """Without ffmpeg, the error comes before any work and says what to do."""
    result = stcn("review", shot, "--movie", "a.mp4", cwd=shot.parent, PATH=str(tmp_path))
    assert result.returncode == 1
    assert "ffmpeg" in result.stderr and "Install" in result.stderr
    other = stcn("review", shot, "--movie", "a.avi", cwd=shot.parent)
    assert other.returncode == 1 and ".mp4" in other.stderr


def test_the_error_of_ffmpeg_is_shown(shot, tmp_path):
    """If ffmpeg ends early, its last words are in the message, and no movie is written."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexec >&2\necho Unknown encoder libx264\nexit 3\n")
    program.chmod(0o755)
    movie = tmp_path / "look.mp4"
    path = f"{tmp_path}:{os.environ['PATH']}"
    result = stcn("review", shot, "--out", tmp_path, "--movie", movie, cwd=shot.parent, PATH=path)
    assert result.returncode == 1
    assert "Unknown encoder libx264" in result.stderr
    assert not movie.exists()


def test_markers(shot, tmp_path):
    """The timeline has a marker on each keyframe, in frame numbers of the plate."""
    otio = pytest.importorskip("opentimelineio")
    file = tmp_path / "shot.otio"
    result = stcn("review", shot, "--out", tmp_path, "--otio", file, cwd=shot.parent)
    assert result.returncode == 0, result.stderr
    timeline = otio.adapters.read_from_file(str(file))
    [clip] = timeline.find_clips()
    marked = {(each.name, int(each.marked_range.start_time.value)) for each in clip.markers}
    assert {("keyframe", 1001), ("keyframe", 1000 + COUNT)} <= marked
    assert clip.source_range.duration == otio.opentime.RationalTime(COUNT, 24)
    assert clip.media_reference.target_url_for_image_number(1) == (shot.parent / "p.1002.png").as_uri()
    assert clip.source_range.duration.value == COUNT
