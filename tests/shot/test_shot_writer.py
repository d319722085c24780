"""A saved shot is a shot file that loads as the same shot."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from stcn_plugin import load_shot, make_shot
from stcn_plugin.errors import OutputError, PresetError
from stcn_plugin.shot.writer import save_shot, shot_yaml


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty current folder, and no studio folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STCN_PRESET_PATH", raising=False)
    return tmp_path


def same(shot, path, **arguments):
    """Save a shot, check that the file loads as the same one, and return what it says."""
    saved = save_shot(shot, path, **arguments)
    search = {"search_path": arguments["search_path"]} if "search_path" in arguments else {}
    loaded = load_shot(saved, **search)
    assert loaded == shot.model_copy(update={"path": saved, "origins": loaded.origins})
    return yaml.safe_load(saved.read_text("utf-8"))


def test_a_shot_of_arguments(here):
    """Paths beneath the file's folder are relative, others absolute; settings are those over the preset."""
    shot = make_shot(
        plate="plates/p.####.exr",
        keyframes={1001: "roto/a.1001.exr:hero.A", 1010: [{"file": "/far/b.png", "objects": {"hero": 2}}, "roto/c.exr"]},
        out="/renders/m.####.exr",
        range="1001-1100x2,1010",
        objects={"hero": "1001-1060", "on": "1005"},
        preset="draft",
        overrides=["memory.interval=3", "memory.top_k=all", "size=540", "overlay.folder=look", "output.layout=cryptomatte"],
    )  # fmt: skip
    assert same(shot, here / "shot.yaml") == {
        "extends": "draft",
        "plate": "plates/p.####.exr",
        "range": "1001-1100x2,1010",
        "keyframes": {
            1001: "roto/a.1001.exr:hero.A",
            1010: [{"file": "/far/b.png", "objects": {"hero": 2}}, "roto/c.exr"],
        },
        "objects": {"hero": "1001-1060", "on": "1005"},
        "out": "/renders/m.####.exr",
        "size": 540,
        "memory": {"interval": 3, "top_k": "all"},
        "output": {"layout": "cryptomatte"},
        "overlay": {"folder": "look"},
    }


def test_it_says_what_it_is_and_how_to_run_it(here):
    """The first line is for who opens the file."""
    shot = make_shot(plate="p.####.exr", keyframes={1: "a.png"}, out="m.####.exr")
    saved = save_shot(shot, "my shot.yaml")
    assert saved == here / "my shot.yaml"
    comment = saved.read_text("utf-8").splitlines()[0]
    assert comment == "# A shot as it was last propagated. Run it: stcn propagate 'my shot.yaml'"


def test_the_folder_can_move(here):
    """A saved shot whose files lie beneath it is the same shot in another place."""
    (here / "a").mkdir()
    shot = make_shot(plate="a/p.####.exr", keyframes={1: "a/k.png"}, out="a/m.####.exr", overrides=["overlay.folder=a"])
    save_shot(shot, here / "a" / "s.yaml")
    (here / "a").rename(here / "b")
    moved = load_shot(here / "b" / "s.yaml")
    assert moved.plate == str(here / "b" / "p.####.exr")
    assert moved.keyframes[0].file == here / "b" / "k.png"
    assert moved.settings.overlay.folder == str(here / "b")


def test_a_preset_of_the_studio(here):
    """A studio's preset is named, so that the shot follows it; what the shot says otherwise is kept, also 'no'."""
    studio = here / "studio"
    studio.mkdir()
    (studio / "show.yaml").write_text("memory: {interval: 2, include_last: yes}\noverlay: {folder: look}\n")
    arguments = {"plate": "p.####.exr", "keyframes": {1: "a.png"}, "out": "m.####.exr", "search_path": [studio]}
    shot = make_shot(preset="show", overrides=["memory.include_last=no"], **arguments)
    said = same(shot, "s.yaml", search_path=[studio])
    assert said["extends"] == "show"
    assert said["memory"] == {"include_last": False}
    assert "overlay" not in said  # the folder beside the shot, as the preset has it
    without = make_shot(preset="show", overrides=["overlay.folder=null"], **arguments)
    assert same(without, "t.yaml", search_path=[studio])["overlay"] == {"folder": None}
    elsewhere = same(shot, here / "sub" / "s.yaml", search_path=[studio])
    assert elsewhere["overlay"] == {"folder": str(here / "look")}


@pytest.mark.parametrize(("saved", "extends"), [("shot.yaml", "presets/hero"), ("presets/shot.yaml", "./hero"), ("other/shot.yaml", None)])  # fmt: skip
def test_a_preset_that_is_a_file(here, saved, extends):
    """A preset's file is named from the new file's folder; one without .yaml must not become a preset's name."""
    (here / "presets").mkdir()
    (here / "presets" / "hero").write_text("size: 600\n")
    arguments = {"plate": "p.####.exr", "keyframes": {1: "a.png"}, "out": "m.####.exr"}
    shot = make_shot(preset="./presets/hero", **arguments)
    assert shot.settings.size == "600"
    said = same(shot, saved)
    assert said["extends"] == (extends or str(here / "presets" / "hero"))
    assert "size" not in said


def test_the_preset_under_a_shot_file(here):
    """It is what the file extends, through other shot files, and the default where it says nothing."""
    shot = "plate: p.####.exr\nkeyframes: {1: a.png}\nout: m.####.exr\n"
    (here / "base.yaml").write_text(f"extends: draft\n{shot}")
    (here / "look.yaml").write_text("size: 600\n")
    for name, text in {"a": "extends: base.yaml", "b": "extends: look.yaml", "c": "", "d": "extends: hero"}.items():
        (here / f"{name}.yaml").write_text(f"{text}\n{shot}")
    expected = {"a": "draft", "b": str(here / "look.yaml"), "c": "default", "d": "hero"}
    for name, preset in expected.items():
        path = here / f"{name}.yaml"
        loaded = load_shot(path, overrides=["memory.interval=4", "description=A jump."])
        assert loaded.preset == preset
        same(loaded, here / "out" / f"{name}.yaml")


def test_a_file_is_replaced_whole_or_not_at_all(here):
    """What stood there stands there where the new one cannot be written."""
    shot = make_shot(plate="p.####.exr", keyframes={1: "a.png"}, out="m.####.exr")
    save_shot(shot, "s.yaml")
    with pytest.raises(PresetError, match="there is no preset 'nonsense'"):
        save_shot(shot.model_copy(update={"range": "1", "preset": "nonsense"}), "s.yaml")
    assert load_shot("s.yaml").range is None
    assert [path.name for path in here.iterdir()] == ["s.yaml"]
    (here / "file").write_text("in the way")
    with pytest.raises(OutputError, match="a part of this path is a file"):
        save_shot(shot, "file/s.yaml")
    with pytest.raises(PresetError, match=r"ends in \.yaml\. Name it s\.txt\.yaml"):
        save_shot(shot, "s.txt")


def test_a_file_written_by_hand_is_not_replaced(here):
    """Comments are somebody's work: the message names another file, and nothing is lost."""
    text = "# mine\nplate: p.####.exr\nkeyframes: {1: a.png}\nout: m.####.exr\n"
    (here / "s.yaml").write_text(text)
    with pytest.raises(OutputError, match=r"its comments would be lost\. Save under another name, such as s\.v2\.yaml"):
        save_shot(load_shot("s.yaml"), "s.yaml")
    assert (here / "s.yaml").read_text() == text


WORDS = st.sampled_from(["hero", "a b", "1e5", "on", "0101", "1:30", "~x", "#1", "-", "null", "é🎬", "it's", '"q"', "[x", "a: b", "12", "*", "1_000", "2020-01-01", "&", "%", "@", "- x", "? y", "!!int 3"])  # fmt: skip
FILES = WORDS.filter(lambda word: "/" not in word).map(lambda word: f"{word}.png")


@given(
    folder=WORDS,
    frames=st.lists(st.integers(-20, 2000), min_size=1, max_size=3, unique=True),
    file=FILES,
    selector=st.none() | WORDS,
    names=st.lists(WORDS, min_size=1, max_size=3, unique=True),
    picked=WORDS | st.integers(0, 255),
    overrides=st.lists(
        st.sampled_from(["memory.interval=2", "memory.max_frames=all", "size=native", "size=0.5MP", "matte.black=0.2", "colour.input=lin_rec709", "weights=a/b.safetensors", "weights='1e5'", "colour.config=x.ocio", "read.part='0101'", "compute.threads=2"]),
        max_size=4,
    ),
)  # fmt: skip
@settings(max_examples=100, deadline=None)
@pytest.mark.slow
def test_any_shot_comes_back(folder, frames, file, selector, names, picked, overrides):
    """Names that YAML would take for something else come back as they were, in every place."""
    with tempfile.TemporaryDirectory() as root:
        forms = [f"{root}/{file}" if selector is None else f"{root}/{file}:{selector}"]
        forms.append({"file": f"{root}/{folder}/{file}", "objects": dict.fromkeys(names, picked)})
        shot = make_shot(
            plate=f"{root}/{folder}/p.####.exr",
            keyframes=dict.fromkeys(frames, forms),
            out=f"{root}/m.####.exr",
            objects={names[0]: f"{min(frames)}-{max(frames)}"},
            overrides=overrides,
        )
        same(shot, Path(root) / "s.yaml")
        same(shot, Path(root) / folder / "s.yaml")


def test_the_text_alone(here):
    """What would be written can be had without writing it."""
    shot = make_shot(plate="p.####.exr", keyframes={1: "a.png"}, out="m.####.exr")
    text = shot_yaml(shot, here / "s.yaml")
    assert text.splitlines()[1:] == ["extends: default", "plate: p.####.exr", "keyframes:", "  1: a.png", "out: m.####.exr"]  # fmt: skip
    assert list(here.iterdir()) == []
