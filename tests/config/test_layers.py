"""Layers: `extends`, precedence, and the errors of invalid files."""

import os

import pytest

from stcn_plugin.errors import PresetError
from stcn_plugin.presets import list_presets, load_preset, preset_yaml, trace_preset, traced_yaml


def message_of(*args, **kwargs):
    with pytest.raises(PresetError) as caught:
        load_preset(*args, **kwargs)
    return str(caught.value)


def test_mappings_merge_and_the_upper_layer_takes_precedence(write):
    """A file overrides its own keys and inherits all others."""
    write("mine.yaml", "extends: draft\nmemory: {interval: 2}\n")
    preset = load_preset("mine.yaml")
    assert preset.memory.interval == 2
    assert preset.memory.max_frames == 1
    assert preset.size == "288"


def test_a_file_without_extends_builds_on_default(write):
    """Missing settings are those of `default`."""
    write("mine.yaml", "size: 300\n")
    assert load_preset("mine.yaml") == load_preset("default").model_copy(update={"size": "300"})


def test_an_empty_group_overrides_nothing(write):
    """`memory:` with all its lines commented out overrides nothing; null resets a single value."""
    write("base.yaml", "memory: {interval: 2}\nread: {layer: beauty}\n")
    write("mine.yaml", "extends: ./base.yaml\nmemory:\n  # interval: 9\nread: {layer: null}\n")
    preset = load_preset("mine.yaml")
    assert preset.memory.interval == 2
    assert preset.read.layer is None


def test_studio_folders_precede_the_built_in_one_in_order(write, monkeypatch):
    """STCN_PRESET_PATH is read like PATH, and missing folders are ignored."""
    write("show/hero.yaml", "size: 600\n")
    write("facility/hero.yaml", "size: 500\n")
    write("facility/roto.yml", "size: 400\n")
    folders = ["gone", "show", "facility"]
    monkeypatch.setenv("STCN_PRESET_PATH", os.pathsep.join(folders))
    assert load_preset("hero").size == "600"
    assert load_preset("roto").size == "400"
    assert load_preset("draft").size == "288"
    assert [(info.name, info.layer) for info in list_presets()] == [
        ("default", "built-in"),
        ("draft", "built-in"),
        ("hero", "show"),
        ("long_shot", "built-in"),
        ("roto", "facility"),
    ]


def test_a_preset_can_extend_a_preset_of_the_same_name(write, tmp_path):
    """Two studio folders can each have a `hero` that extends the next one, down to the built-in one."""
    write("show/hero.yaml", "extends: hero\nmemory: {interval: 2}\n")
    write("facility/hero.yaml", "extends: hero\nmatte: {black: 0.1}\n")
    preset = load_preset("hero", search_path=[tmp_path / "show", tmp_path / "facility"])
    assert (preset.memory.interval, preset.matte.black, preset.size) == (2, 0.1, "720")


def test_a_studio_default_reaches_every_preset(write, tmp_path):
    """Presets without `extends` build on the studio's default, even if that extends one of them."""
    write("show/ours.yaml", "memory: {include_last: yes}\n")
    write("show/default.yaml", "extends: ours\ncolour: {input: ACEScg}\n")
    draft = load_preset("draft", search_path=[tmp_path / "show"])
    assert (draft.colour.input, draft.size, draft.memory.include_last) == ("ACEScg", "288", True)


def test_overrides_take_precedence_and_the_last_one_most(write):
    """Command-line settings override every file; `extends` can be overridden too."""
    write("mine.yaml", "memory: {interval: 2, top_k: 7}\n")
    sets = ["memory.interval=3", "memory.interval=4", "memory.max_frames=all", "extends=hero"]
    preset = load_preset("mine.yaml", overrides=sets)
    assert (preset.memory.interval, preset.memory.top_k, preset.memory.max_frames) == (4, 7, None)
    assert preset.size == "720"


def test_files_are_relative_to_the_file_that_names_them(write, tmp_path):
    """Weights and OCIO config do not depend on the current folder; names stay names."""
    write("show/base.yaml", "weights: w/mine.safetensors\ncolour: {config: ocio/config.ocio}\n")
    write("shots/a.yaml", "extends: ../show/base.yaml\n")
    preset = load_preset("shots/a.yaml")
    assert os.path.normpath(preset.weights) == str(tmp_path / "show/w/mine.safetensors")
    assert os.path.normpath(preset.colour.config) == str(tmp_path / "show/ocio/config.ocio")
    assert load_preset("default", overrides=["weights=x.safetensors"]).weights == str(tmp_path / "x.safetensors")
    assert load_preset("default", overrides=["colour.config=ocio://default"]).colour.config == "ocio://default"
    assert load_preset("default").weights == "starter"


def test_the_origin_of_each_setting(write, tmp_path):
    """A traced preset has the file and line, or the flag, of every setting; files of the same name have different labels."""
    studio = write("show/draft.yaml", "extends: draft\ndescription: Ours.\nmemory:\n  interval: 2\n")
    traced = trace_preset("draft", search_path=[tmp_path / "show"], overrides=["memory.top_k=9"])
    lines = traced_yaml(traced).splitlines()
    assert lines[:2] == ["# Ours.", f"# from {studio}, built-in draft.yaml, built-in default.yaml"]
    origins = {line.partition(":")[0].strip(): line.partition("  # ")[2] for line in lines[2:]}
    assert origins["interval"] == f"{studio}:4"
    assert origins["max_frames"] == "built-in draft.yaml:6"
    assert origins["top_k"] == "--set memory.top_k=9"
    assert origins["weights"] == "default.yaml:7"
    assert origins["memory"] == ""


@pytest.mark.parametrize("name", ["default", "draft", "hero", "long_shot"])
def test_a_printed_preset_loads_as_the_same_preset(write, name):
    """The output of `show` is a preset with the same settings, with and without origins."""
    odd = ["memory.top_k=all", "read.part=yes please: 'now'", "weights='007'", "size=2MP", "overlay.folder='no'"]
    for overrides in ([], odd):
        traced = trace_preset(name, overrides=overrides)
        for text in (preset_yaml(traced.preset), traced_yaml(traced)):
            write("copy.yaml", text)
            assert load_preset("copy.yaml") == traced.preset


def test_all_problems_are_reported_in_the_order_of_their_lines(write):
    """One error lists all problems, each with its line, key and fix."""
    write(
        "hero.yaml",
        "wieghts: starter\nsize: 480p\ninterval: 3\nmemory:\n  intervall: 3\n  top_k: 0\n  include_last: maybe\n"
        "matte: {black: 0.9, white: 0.5}\nread: hold\noutput: {depth: Half, compression: dwa}\n"
        "compute: {device: gpu, threads: many}\nplate: p.####.exr\n1001: x\n",
    )
    assert message_of("hero.yaml").splitlines() == [
        "hero.yaml: 14 problems",
        "  hero.yaml:1: wieghts: there is no such setting. Perhaps you meant 'weights'.",
        "  hero.yaml:2: size: should be the short side in pixels (480), 'native' or a maximum of megapixels (0.5MP),"
        " got '480p'.",
        "  hero.yaml:3: interval: there is no such setting. Write it as 'interval' under 'memory'.",
        "  hero.yaml:5: memory.intervall: there is no such setting. Perhaps you meant 'interval'.",
        "  hero.yaml:6: memory.top_k: should be a whole number of at least 1 or 'all', got 0.",
        "  hero.yaml:7: memory.include_last: should be yes or no, got 'maybe'.",
        "  hero.yaml:8: matte: black (0.9) must be below white (0.5).",
        "  hero.yaml:9: read: should be a group with the keys missing, part, layer, got 'hold'.",
        "  hero.yaml:10: output.depth: should be one of auto, half, float, uint8 or uint16, got 'Half'."
        " Perhaps you meant 'half'.",
        "  hero.yaml:10: output.compression: should be one of none, rle, zips, zip, piz, dwaa or dwab, got 'dwa'."
        " Perhaps you meant 'dwab'.",
        "  hero.yaml:11: compute.device: should be auto, cpu, cuda, cuda:1 or mps, got 'gpu'.",
        "  hero.yaml:11: compute.threads: should be 'auto' or a whole number of at least 1 and at most 1024, got 'many'.",
        "  hero.yaml:12: plate: belongs in a shot file, not in a preset. Move it there.",
        "  hero.yaml:13: 1001: there is no such setting. Known here: weights, size, window, direction, memory, matte,"
        " read, colour, output, compute, overlay, cache, extends, description.",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("memory: {interval: five}\n", "memory.interval: should be a whole number of at least 1, got 'five'."),
        ("size: 32\n", "size: should be at least 64 pixels on the short side, got 32."),
        (
            "weights:\n",
            "weights: is empty, should be text. A value that starts with # needs quotes, or it is a comment.",
        ),
        ("read: {layer: 5}\n", "read.layer: should be text, got 5. Put it into quotes."),
        ("matte: {black: 1.5}\n", "matte.black: should be a number of at least 0 and less than 1, got 1.5."),
        ("memory: {top-k: 5}\n", "memory.top-k: there is no such setting. Perhaps you meant 'top_k'."),
        ("color: {input: x}\n", "color: there is no such setting. Perhaps you meant 'colour'."),
        ("fold: x\n", "fold: there is no such setting. Perhaps you meant 'folder' under 'overlay'."),
        (
            "overlay: {width: [1]}\n",
            "overlay.width: should be a whole number of at least 64 and at most 4096, got a list.",
        ),
        (
            "extends: heros\n",
            "there is no preset 'heros'. Perhaps you meant 'hero'; STCN_PRESET_PATH names no studio folder.",
        ),
        (
            "extends: [hero, draft]\n",
            "extends: should be the name of one preset, or a file, got a list."
            " A preset extends one other, which may extend another.",
        ),
    ],
)
def test_a_single_problem_is_one_line(write, text, message):
    """The file and line come first, then the key, what is wrong, and what to do."""
    write("mine.yaml", text)
    assert message_of("mine.yaml") == f"mine.yaml:1: {message}"


def test_a_problem_names_the_file_that_contains_it(write, tmp_path):
    """An error in an extended file names that file, not the one that extends it."""
    base = write("base.yaml", "memory:\n  interval: 0\n")
    write("mine.yaml", "extends: ./base.yaml\n")
    assert message_of("mine.yaml") == (f"{base}:2: memory.interval: should be a whole number of at least 1, got 0.")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("memory.interval", "is not a setting and its value. Write it as KEY=VALUE, such as memory.interval=3."),
        ("=3", "is not a setting and its value. Write it as KEY=VALUE, such as memory.interval=3."),
        ("memory.interval=five", "should be a whole number of at least 1, got 'five'."),
        (
            "memory.--5=3",
            "there is no such setting. Known here: interval, top_k, include_last, max_frames, budget_mb.",
        ),
        ("memory.intervl=3", "there is no such setting. Perhaps you meant 'interval'."),
        ("interval=3", "there is no such setting. Write it as 'interval' under 'memory'."),
        ("memory.interval.x=3", "should be a whole number of at least 1, got a group of keys."),
        (
            "size=[1",
            "a bracket that is opened here is never closed. Close it; a colour such as '#ff0000' needs quotes.",
        ),
    ],
)
def test_a_wrong_override_names_its_flag(write, override, message):
    """Errors repeat the override as it was typed."""
    actual = message_of("default", overrides=[override])
    key = "memory.interval: " if override == "memory.interval.x=3" else ""
    assert actual == f"--set {override}: {key}{message}"


def test_the_error_for_an_unknown_name_lists_the_folders(write, tmp_path):
    """Missing folders are listed too."""
    write("show/roto.yaml", "")
    folders = [tmp_path / "show", tmp_path / "gone"]
    assert message_of("rota", search_path=folders) == (
        f"there is no preset 'rota'. Perhaps you meant 'roto'; looked in {folders[0]}, {folders[1]} (no such folder)"
        " and the built-in presets."
    )
    assert message_of("zzz", search_path=()) == (
        "there is no preset 'zzz'. There are default, draft, hero, long_shot; STCN_PRESET_PATH names no studio folder."
    )


def test_circular_extends_show_the_chain(write, tmp_path):
    """The error lists every file of the circle."""
    a = write("a.yaml", "extends: ./b.yaml\n")
    b = write("b.yaml", "\nextends: ./a.yaml\n")
    assert message_of(a) == (f"{b}:2: extends is circular: {a} → {b} → {a}. Remove one of these extends.")
    x, y = write("show/x.yaml", "extends: y\n"), write("show/y.yaml", "extends: x\n")
    assert message_of("x", search_path=[tmp_path / "show"]) == (
        f"{y}:1: extends is circular: {x} → {y} → {x}. Remove one of these extends."
    )


def test_a_missing_extended_file(write, tmp_path):
    """The error has the line of `extends` and the complete path."""
    write("mine.yaml", "size: 480\nextends: ../base.yaml\n")
    assert message_of("mine.yaml") == (
        f"mine.yaml:2: extends: {tmp_path}/../base.yaml: there is no such file. Check the spelling of the path."
    )


def test_listing_survives_a_broken_preset(write, tmp_path):
    """An invalid file does not hide the others; its entry has the problem."""
    broken = write("show/bad.yaml", "a: [1\n")
    infos = {info.name: info for info in list_presets([tmp_path / "show"])}
    assert infos["bad"].description == (
        f"cannot be read: {broken}:1: a bracket that is opened here is never closed."
        " Close it; a colour such as '#ff0000' needs quotes."
    )
    assert infos["hero"].layer == "built-in"
