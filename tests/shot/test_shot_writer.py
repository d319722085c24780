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
    """Save a shot, check that the file loads as the same one, and return its content."""
    saved = save_shot(shot, path, **arguments)
    search = {"search_path": arguments["search_path"]} if "search_path" in arguments else {}
    loaded = load_shot(saved, **search)
    assert loaded == shot.model_copy(update={"path": saved, "origins": loaded.origins})
    return yaml.safe_load(saved.read_text("utf-8"))


def test_a_shot_of_arguments(here):
    """Paths below the file's folder are relative, others absolute; only settings that differ from the preset are written."""
    shot = make_shot(
        plate="plates/p.####.exr",
        keyframes={1001: "roto/a.1001.exr:hero.A", 1010: [{"file": "/far/b.png", "objects": {"hero": 2}}, "roto/c.exr"]},
        out="/renders/m.####.exr",
        range="1001-1100x2,1010",
        objects={"hero": ["1001-1060", "1080-1090"], "on": "1005"},
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
        "objects": {"hero": "1001-1060,1080-1090", "on": "1005"},
        "out": "/renders/m.####.exr",
        "size": 540,
        "memory": {"interval": 3, "top_k": "all"},
        "output": {"layout": "cryptomatte"},
        "overlay": {"folder": "look"},
    }


def test_the_first_line_shows_how_to_run_it(here):
    """It is a comment for people who open the file."""
    shot = make_shot(plate="p.####.exr", keyframes={1: "a.png"}, out="m.####.exr")
    saved = save_shot(shot, "my shot.yaml")
    assert saved == here / "my shot.yaml"
    comment = saved.read_text("utf-8").splitlines()[0]
    assert comment == "# A shot as it was last propagated. Run it: stcn propagate 'my shot.yaml'"


def test_the_folder_can_move(here):
    """If its files are below the folder of the shot file, the folder can be moved."""
    (here / "a").mkdir()
    shot = make_shot(plate="a/p.####.exr", keyframes={1: "a/k.png"}, out="a/m.####.exr", overrides=["overlay.folder=a"])
    save_shot(shot, here / "a" / "s.yaml")
    (here / "a").rename(here / "b")
    moved = load_shot(here / "b" / "s.yaml")
    assert moved.plate == str(here / "b" / "p.####.exr")
    assert moved.keyframes[0].file == here / "b" / "k.png"
    assert moved.settings.overlay.folder == str(here / "b")


def test_a_preset_of_the_studio(here):
    """The file extends the studio's preset, and contains the settings that differ, including 'no'."""
    studio = here / "studio"
    studio.mkdir()
    (studio / "show.yaml").write_text("memory: {interval: 2, include_last: yes}\noverlay: {folder: look}\n")
    arguments = {"plate": "p.####.exr", "keyframes": {1: "a.png"}, "out": "m.####.exr", "search_path": [studio]}
    shot = make_shot(preset="show", overrides=["memory.include_last=no"], **arguments)
    saved_keys = same(shot, "s.yaml", search_path=[studio])
    assert saved_keys["extends"] == "show"
    assert saved_keys["memory"] == {"include_last": False}
    assert "overlay" not in saved_keys  # the folder next to the shot, as the preset has it
    without = make_shot(preset="show", overrides=["overlay.folder=null"], **arguments)
    assert same(without, "t.yaml", search_path=[studio])["overlay"] == {"folder": None}
    elsewhere = same(shot, here / "sub" / "s.yaml", search_path=[studio])
    assert elsewhere["overlay"] == {"folder": str(here / "look")}


@pytest.mark.parametrize(("saved", "extends"), [("shot.yaml", "presets/hero"), ("presets/shot.yaml", "./hero"), ("other/shot.yaml", None)])  # fmt: skip
def test_a_preset_that_is_a_file(here, saved, extends):
    """The path is relative to the new file's folder; a path without .yaml must not become the name of a preset."""
    (here / "presets").mkdir()
    (here / "presets" / "hero").write_text("size: 600\n")
    arguments = {"plate": "p.####.exr", "keyframes": {1: "a.png"}, "out": "m.####.exr"}
    shot = make_shot(preset="./presets/hero", **arguments)
    assert shot.settings.size == "600"
    saved_keys = same(shot, saved)
    assert saved_keys["extends"] == (extends or str(here / "presets" / "hero"))
    assert "size" not in saved_keys


def test_the_preset_of_an_extended_shot_file(here):
    """This is the first preset in the chain of `extends`, or `default`."""
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


def test_a_file_is_replaced_atomically(here):
    """If the new file cannot be written, the old one is unchanged."""
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
    """Its comments would be lost; the error suggests another name."""
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
def test_any_shot_survives_saving_and_loading(folder, frames, file, selector, names, picked, overrides):
    """Names that YAML would read as other types are preserved everywhere."""
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


def test_the_text_without_a_file(here):
    """`shot_yaml` returns the content that `save_shot` writes."""
    shot = make_shot(plate="p.####.exr", keyframes={1: "a.png"}, out="m.####.exr")
    text = shot_yaml(shot, here / "s.yaml")
    assert text.splitlines()[1:] == ["extends: default", "plate: p.####.exr", "keyframes:", "  1: a.png", "out: m.####.exr"]  # fmt: skip
    assert list(here.iterdir()) == []
