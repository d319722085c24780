"""Shot files, and the same shot made of arguments."""

from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from stcn_plugin.config.wording import settings_of
from stcn_plugin.errors import PresetError
from stcn_plugin.presets import Preset, load_preset
from stcn_plugin.shot import Keyframe, is_shot_file, load_shot, make_shot, split_selector
from stcn_plugin.shot.model import ShotFile

HEAD = "plate: p.####.exr\nout: m.####.exr\n"
KEYFRAME = HEAD + "keyframes:\n"


def message_of(load, *args, **kwargs):
    with pytest.raises(PresetError) as caught:
        load(*args, **kwargs)
    return str(caught.value)


@pytest.mark.parametrize("objects", ["[hero]", "{hero: }", "{hero: null}", "{hero: {range: null}}", "{hero: {}}"])
def test_objects_without_a_range(tmp_path, objects):
    """A name alone is valid, even if the shot has a range."""
    path = tmp_path / "a.yaml"
    path.write_text(
        f"plate: p.####.exr\nout: m.####.exr\nrange: 1001-1005\nkeyframes: {{1001: k.png}}\nobjects: {objects}\n"
    )
    shot = load_shot(path, search_path=())
    assert {name: span.ranges for name, span in shot.objects.items()} == {"hero": ()}


@pytest.mark.parametrize(
    "span",
    [
        "[1001-1020, 1060-1090, 1100]",
        "1001-1020,1060-1090,1100",
        "{range: [1060-1090, 1100, 1001-1020]}",
        "{range: '1100, 1001-1020, 1060-1090'}",
        "[1001-1010, 1005-1020, 1100-1100x2, '1060-1080,1081-1090']",  # overlapping and adjacent ranges are one
    ],
)
def test_an_object_on_several_ranges(tmp_path, span):
    """As a list or as text, in any order; a frame alone is a range."""
    path = tmp_path / "a.yaml"
    path.write_text(f"{KEYFRAME}  1001: k.png\nobjects:\n  ball: {span}\n")
    assert load_shot(path, search_path=()).objects["ball"].ranges == (
        range(1001, 1021),
        range(1060, 1091),
        range(1100, 1101),
    )


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("roto/a.1001.exr:hero.A", ("roto/a.1001.exr", "hero.A")),
        ("roto/a.1001.exr", ("roto/a.1001.exr", None)),
        ("C:/roto/a.exr", ("C:/roto/a.exr", None)),
        ("C:\\roto\\a.exr:hero", ("C:\\roto\\a.exr", "hero")),
        ("C:a.png", ("C:a.png", None)),
        ("crypto.exr:char:hero", ("crypto.exr", "char:hero")),
        ("crypto.exr:/world/char.v2:hero", ("crypto.exr", "/world/char.v2:hero")),
        ("/shows/a:b/c.exr:hero.A", ("/shows/a:b/c.exr", "hero.A")),
        ("../v1.2/a.exr:3", ("../v1.2/a.exr", "3")),
        ("a.exr:", ("a.exr", "")),
        ("no_suffix:hero", ("no_suffix:hero", None)),
        ("", ("", None)),
    ],
)
def test_file_and_selector(text, split):
    """Drive letters belong to the file; colons and slashes after the file belong to the selector."""
    assert split_selector(text) == split


def test_a_shot_file_in_every_form(write, tmp_path):
    """All forms of keyframes give the same result, sorted by frame, with absolute paths."""
    path = write(
        "shots/sh010.yaml",
        """
extends: draft
description: The jump.
plate: ../plates/sh010.####.exr
range: 1001-1100
keyframes:
  1040: {file: ids.png, objects: {hero: 1, ball: '#ff0000'}}
  1001: roto/hero.exr:hero.A
  1060:
    - a.png
    - file: /abs/crypto.exr
      objects: [table, 7]
objects:
  hero: {range: 1001-1060}
  ball: 1040-1100
out: ~/mattes/sh010.%04d.exr
memory: {interval: 3}
""",
    )
    shot = load_shot(path)
    folder = tmp_path / "shots"
    assert shot.plate == str(folder / "../plates/sh010.####.exr")
    assert shot.out == str(Path.home() / "mattes/sh010.%04d.exr")
    assert shot.keyframes == (
        Keyframe(frame=1001, file=folder / "roto/hero.exr", selector="hero.A"),
        Keyframe(frame=1040, file=folder / "ids.png", objects={"hero": 1, "ball": "#ff0000"}),
        Keyframe(frame=1060, file=folder / "a.png"),
        Keyframe(frame=1060, file=Path("/abs/crypto.exr"), objects={"table": "table", "7": "7"}),
    )
    assert shot.frames == tuple(range(1001, 1101))
    assert shot.objects["hero"].ranges == (range(1001, 1061),)
    assert shot.objects["ball"].range == "1040-1100"
    assert (shot.settings.size, shot.settings.memory.interval) == ("288", 3)
    assert shot.settings.memory.top_k == load_preset("draft").memory.top_k
    assert (shot.description, shot.path) == ("The jump.", path)


def test_a_minimal_shot_file(write):
    """Three keys are required; range and settings have defaults."""
    shot = load_shot(write("a.yaml", KEYFRAME + "  -5: k.png\n"))
    assert shot.frames is None
    assert shot.range is None
    assert shot.keyframes[0].frame == -5
    assert shot.settings == Preset()
    with pytest.raises(ValidationError):
        shot.range = "1-2"


def test_a_single_frame_is_a_range(write):
    """A number alone is one frame."""
    assert load_shot(write("a.yaml", KEYFRAME + "  1001: k.png\nrange: 1001\n")).frames == (1001,)


def test_overrides_reach_every_key(write, tmp_path, monkeypatch):
    """The command line may change settings, range, keyframes and paths, its own paths from the current folder."""
    path = write("shots/a.yaml", KEYFRAME + "  1001: k.png\nrange: 1001-1100\n")
    sets = ["memory.interval=9", "range=1001-1010", "out=new.####.exr", "keyframes.1005=late.png", "extends=hero"]
    shot = load_shot(path, overrides=sets)
    assert shot.settings.memory.interval == 9
    assert shot.settings.size == "720"
    assert shot.frames == tuple(range(1001, 1011))
    assert shot.out == str(tmp_path / "new.####.exr")
    assert [each.file for each in shot.keyframes] == [tmp_path / "shots/k.png", tmp_path / "late.png"]


def test_a_shot_can_extend_a_shot(write, tmp_path):
    """A second version contains only the changes; paths are relative to the file that contains them."""
    write("a/sh010.yaml", KEYFRAME + "  1001: k.png\nsize: 300\n")
    path = write("b/sh010_v2.yaml", "extends: ../a/sh010.yaml\nkeyframes: {1020: more.png}\n")
    shot = load_shot(path)
    assert [each.file for each in shot.keyframes] == [tmp_path / "b/../a/k.png", tmp_path / "b/more.png"]
    assert shot.settings.size == "300"
    assert is_shot_file(path)
    assert not is_shot_file(write("c.yaml", "extends: hero\nsize: 300\n"))


def test_overlay_folders_are_relative_to_the_shot(write, tmp_path):
    """This applies to presets in other folders too; flags are relative to the current folder."""
    write("show/base.yaml", "overlay: {folder: look}\n")
    path = write("shots/a.yaml", KEYFRAME + "  1001: k.png\nextends: ../show/base.yaml\n")
    assert load_shot(path).settings.overlay.folder == str(tmp_path / "shots/look")
    assert load_shot(path, overrides=["overlay.folder=x"]).settings.overlay.folder == str(tmp_path / "x")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEAD, "a.yaml: keyframes: is missing. Write it like keyframes: {1001: 'roto/sh010.1001.exr'}."),
        (
            HEAD + "keyframes: {}\n",
            "a.yaml:3: keyframes: holds no keyframe. Give at least one, such as 1001: roto/hero.1001.exr.",
        ),
        (HEAD + "keyframes: k.png\n", "a.yaml:3: keyframes: should be a group of keys, got 'k.png'."),
        (KEYFRAME + "  first: k.png\n", "a.yaml:4: keyframes.first: should be a frame number."),
        (
            KEYFRAME + "  1001: 5\n",
            "a.yaml:4: keyframes.1001: should be a file such as roto/hero.1001.exr,"
            " or a group with the keys file and objects, got 5.",
        ),
        (
            KEYFRAME + "  1001:\n",
            "a.yaml:4: keyframes.1001: is empty, should be a file such as roto/hero.1001.exr,"
            " or a group with the keys file and objects.",
        ),
        (
            KEYFRAME + "  1001: []\n",
            "a.yaml:4: keyframes.1001: names no file. Write the keyframe's file, such as roto/hero.1001.exr.",
        ),
        (
            KEYFRAME + "  1001:\n    - k.png\n    - fiel: l.png\n",
            "a.yaml:6: keyframes.1001.1.fiel: there is no such setting. Perhaps you meant 'file'.",
        ),
        (
            KEYFRAME + "  1001: {objects: [hero]}\n",
            "a.yaml:4: keyframes.1001.file: is missing. Write it like file: roto/sh010.1001.exr.",
        ),
        (
            KEYFRAME + "  1001:\n    file: k.png\n    objects:\n      hero: #ff0000\n",
            "a.yaml:7: keyframes.1001.objects.hero: is empty, should be text or a whole number of at least 0."
            " A value that starts with # needs quotes, or it is a comment.",
        ),
        (
            KEYFRAME + "  1001: {file: k.png, objects: [a, a]}\n",
            "a.yaml:4: keyframes.1001.objects: names 'a' twice. Keep one of the two.",
        ),
        (
            KEYFRAME + "  1001: {file: k.png, objects: []}\n",
            "a.yaml:4: keyframes.1001.objects: names no object. Name the objects, or leave the key out.",
        ),
        (
            KEYFRAME + "  1001: {file: k.png, objects: {a: -1}}\n",
            "a.yaml:4: keyframes.1001.objects.a: should be text or a whole number of at least 0, got -1.",
        ),
        (
            KEYFRAME + "  1001: [{file: k.png, objects: [a]}, {file: l.png, objects: [b, a]}]\n",
            "a.yaml:4: keyframes.1001: has 'a' in two files. Keep one of the two.",
        ),
        (
            KEYFRAME + "  1001: 'k.exr:'\n",
            "a.yaml:4: keyframes.1001: has nothing after the colon. Name a layer there, such as hero.A.",
        ),
        (
            KEYFRAME + "  1001: {file: k.exr:x.A, objects: [hero]}\n",
            "a.yaml:4: keyframes.1001: picks 'x.A' and lists objects as well. Keep one of the two.",
        ),
        (
            KEYFRAME + "  1001: k.png\n  2001: k.png\nrange: 1001-1100\n",
            "a.yaml:5: keyframes.2001: is outside of the range 1001-1100. Extend the range, or remove the keyframe.",
        ),
        (
            KEYFRAME + "  1001: k.png\nrange: 1001 to 1100\n",
            "a.yaml:5: range: '1001 to 1100' is not a frame range. Write 1001-1100.",
        ),
        (
            KEYFRAME + "  1001: k.png\nrange: [1001, 1100]\n",
            "a.yaml:5: range: should be a frame range such as 1001-1100, got a list.",
        ),
        (
            KEYFRAME + "  1001: {file: k.png, objects: [hero]}\nobjects: {heros: 1-5}\n",
            "a.yaml:5: objects.heros: is in no keyframe. Perhaps you meant 'hero'.",
        ),
        (
            KEYFRAME + "  1001: k.png\nrange: 1001-1100\nobjects:\n  hero: {range: 1-60}\n",
            "a.yaml:7: objects.hero: is present on 1-60, all outside of the range 1001-1100. Check both ranges.",
        ),
        (
            KEYFRAME + "  1001: k.png\nobjects:\n  hero: {range: 5-1}\n",
            "a.yaml:6: objects.hero.range: '5-1' in the frame range '5-1' runs backwards. Write 1-5.",
        ),
        (
            KEYFRAME + "  1001: k.png\nobjects:\n  hero: [1-5, 9-12x3]\n",
            "a.yaml:6: objects.hero: '9-12x3' has a step. The range of an object cannot have a step; write 9-12.",
        ),
        (
            KEYFRAME + "  1001: k.png\nobjects:\n  hero: [1-5, [9-12]]\n",
            "a.yaml:6: objects.hero: has an entry that is not a frame range. Write it like [1001-1020, 1060-1090].",
        ),
        (
            KEYFRAME + "  1001: k.png\nobjects:\n  hero: []\n",
            "a.yaml:6: objects.hero: the frame range is empty. Write it like 1001-1100, 1001-1100x2 or"
            " 1001,1005,1010-1020.",
        ),
        (
            KEYFRAME + "  1001: k.png\nrange: 1001-1100\nobjects: {hero: [1001-1010, 1200-1210]}\n",
            "a.yaml:6: objects.hero: is present on 1200-1210, all outside of the range 1001-1100. Check both ranges.",
        ),
        (
            "plate: p.####.exr\nout: m.exr\nkeyframes: {1: k.png}\n",
            "a.yaml:2: out: has no frame number in its file name. Write #### where it belongs, such as m.####.exr.",
        ),
        (
            "plate: ./p.####.exr\nout: p.%04d.exr\nkeyframes: {1: k.png}\n",
            "a.yaml:2: out: is the plate itself, which would be overwritten. Write the mattes somewhere else.",
        ),
        (
            "plate: ####.exr\nout: m.####.exr\nkeyframes: {1: k.png}\n",
            "a.yaml:1: plate: is empty, should be text. A value that starts with # needs quotes, or it is a comment.",
        ),
        (
            "plat: p.####.exr\nout: m.####.exr\nkeyframes: {1: k.png}\n",
            "a.yaml:1: plat: there is no such setting. Perhaps you meant 'plate'.",
        ),
        (
            KEYFRAME + "  1: k.png\nmemory: {interval: often}\n",
            "a.yaml:5: memory.interval: should be a whole number of at least 1, got 'often'.",
        ),
    ],
)
def test_problems_of_a_shot_file(write, text, message):
    """Each error has line, key and fix."""
    write("a.yaml", text)
    assert message_of(load_shot, "a.yaml") == message


@pytest.mark.parametrize(
    "out", ["m.####.exr", "m.#.exr", "m.%04d.exr", "m.%d.exr", "m.$F4.exr", "m.$F.exr", "m.@@@@.exr"]
)
def test_every_way_to_write_the_frame_number(write, out):
    """The placeholders of Nuke, Houdini and printf are equivalent."""
    assert make_shot(plate="p.####.exr", keyframes={1: "k.png"}, out=out).out.endswith(out)


def test_a_shot_made_of_arguments_equals_its_file(write, tmp_path):
    """Arguments and a shot file with the same keys give the same shot."""
    path = write(
        "a.yaml",
        KEYFRAME + "  1001: [k.exr:hero.A, {file: i.png, objects: {ball: 2}}]\nrange: 1001-1005\n"
        "objects: {ball: 1001-1003}\nextends: hero\nmemory: {top_k: 9}\n",
    )
    made = make_shot(
        plate="p.####.exr",
        keyframes={1001: ["k.exr:hero.A", {"file": Path("i.png"), "objects": {"ball": 2}}]},
        out=Path("m.####.exr"),
        range="1001-1005",
        objects={"ball": "1001-1003"},
        preset="hero",
        overrides=["memory.top_k=9"],
    )
    loaded = load_shot(path)
    assert made == loaded.model_copy(update={"path": None, "origins": made.origins})


def test_wrong_arguments_are_named(write):
    """Errors start with the argument, or with the flag of an override."""
    right = {"plate": "p.#.exr", "keyframes": {1: "k.png"}, "out": "m.#.exr"}
    assert message_of(make_shot, **right | {"keyframes": {}}) == (
        "keyframes: holds no keyframe. Give at least one, such as 1001: roto/hero.1001.exr."
    )
    assert message_of(make_shot, **right, range="5-9") == (
        "keyframe 1: is outside of the range 5-9. Extend the range, or remove the keyframe."
    )
    assert message_of(make_shot, **right | {"out": "m.exr"}) == (
        "out: has no frame number in its file name. Write #### where it belongs, such as m.####.exr."
    )
    assert message_of(make_shot, **right, preset="draf") == (
        "preset: there is no preset 'draf'. Perhaps you meant 'draft'; STCN_PRESET_PATH names no studio folder."
    )
    assert message_of(make_shot, **right | {"plate": ""}, overrides=["size=x"], objects={"a": "b"}) == (
        "the shot: 3 problems\n"
        "  --set size=x: should be the short side in pixels (480), 'native' or a maximum of megapixels (0.5MP),"
        " got 'x'.\n"
        "  object a: 'b' is not a frame range."
        " Write it like 1001-1100, 1001-1100x2 or 1001,1005,1010-1020.\n"
        "  plate: is empty, should be text. A value that starts with # needs quotes, or it is a comment."
    )


def test_a_shot_file_of_a_preset_gives_its_settings_only(write):
    """`preset` may be another shot: only its settings are used, not its plate and keyframes."""
    write("a.yaml", KEYFRAME + "  1001: k.png\nsize: 300\n")
    shot = make_shot(plate="q.#.exr", keyframes={1: "l.png"}, out="n.#.exr", preset="a.yaml")
    assert (shot.settings.size, [each.frame for each in shot.keyframes]) == ("300", [1])


_WORDS = [word for key in settings_of(ShotFile.model_json_schema()) for word in key.split(".")]
_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from([*_WORDS, "1001-1010", "all", "a.exr:x", "m.####.exr", "hero", "./a.yaml"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.sampled_from([*_WORDS, "file"]), st.integers(-5, 2000)), inner, max_size=4),
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(random_keys=st.dictionaries(st.sampled_from(_WORDS), _VALUES, max_size=6), least=st.booleans())
def test_any_content_is_a_shot_or_a_preset_error(tmp_path, random_keys, least):
    """Random content gives a shot, or a PresetError that names the file."""
    path = tmp_path / "a.yaml"
    head = {"plate": "p.#.exr", "out": "m.#.exr", "keyframes": {1: "k.png"}} if least else {}
    path.write_text(yaml.safe_dump(head | random_keys, allow_unicode=True), encoding="utf-8")
    try:
        assert load_shot(path, search_path=()).keyframes
    except PresetError as error:
        assert str(error).startswith(str(path))
