"""Preset and shot files from untrusted sources: devices, pipes, unusual characters, huge numbers and huge files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from stcn_plugin.config.yaml_source import parse_value, read_yaml
from stcn_plugin.errors import PresetError
from stcn_plugin.presets import list_presets, load_preset
from stcn_plugin.shot import is_shot_file, load_shot

SHOT = "plate: p.####.exr\nout: m.####.exr\nkeyframes:\n  1001: k.png\n"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a file in the current folder, which is empty; no studio folder is set."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("STCN_PRESET_PATH", raising=False)

    def write_file(text, name="a.yaml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return Path(name)

    return write_file


def error_of(function, *arguments, **options) -> PresetError:
    with pytest.raises(PresetError) as caught:
        function(*arguments, **options)
    return caught.value


def pipe(folder: Path) -> Path:
    os.mkfifo(folder / "pipe.yaml")
    return folder / "pipe.yaml"


@pytest.mark.parametrize(
    ("make", "what"),
    [
        (lambda _: Path("/dev/zero"), "is a device, not a YAML file"),
        (lambda _: Path("/dev/tty"), None),  # a device, or none in a process without a terminal
        (pipe, "is a pipe, not a YAML file"),
        (lambda folder: folder, "is a folder, not a YAML file"),
        (lambda folder: folder / "a\0b.yaml", "has a name with characters that are not allowed, not a YAML file"),
        (lambda folder: folder / f"{'x' * 300}.yaml", "cannot be read (File name too long)"),
        (lambda folder: folder / "none.yaml", "there is no such file"),
    ],
)
def test_only_regular_files_are_read(tmp_path, make, what):
    """Pipes and devices are refused without opening them; the error names the path."""
    path = make(tmp_path)
    error = error_of(load_shot, path)
    assert error.where == str(path)
    assert what is None or error.what == what


def test_a_link_to_a_device_is_refused(tmp_path):
    """Links are followed."""
    link = tmp_path / "shot.yaml"
    link.symlink_to("/dev/zero")
    assert error_of(read_yaml, link).what == "is a device, not a YAML file"


def test_circular_links_are_an_error(tmp_path):
    """The error contains the system's message."""
    link = tmp_path / "shot.yaml"
    link.symlink_to(link)
    assert error_of(read_yaml, link).what == "cannot be read (Too many levels of symbolic links)"


def test_listing_presets_does_not_block_on_a_pipe(tmp_path):
    """A pipe and a device in a studio's folder are listed as unreadable, next to the presets."""
    pipe(tmp_path)
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "good.yaml").write_text("description: Good.\n")
    descriptions = {info.name: info.description for info in list_presets([tmp_path]) if info.layer != "built-in"}
    assert descriptions["good"] == "Good."
    assert "is a pipe" in descriptions["pipe"]
    assert "is a device" in descriptions["zero"]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (r'description: "\U00110000"', 1, "out of range"),
        (r'description: "\UFFFFFFFF"', 1, "out of range"),
        (f"%YAML 1.{'1' * 5000}\n---\nsize: 300", 1, "out of range"),
        (r'description: "\ud800"', 1, "not text (U+D800)"),
        (r'description: "\udc00\ud800"', 1, "not text (U+DC00)"),
        ('size: 300\n"\\ud800": 1', 2, "not text (U+D800)"),
        (r'description: "a\0b"', 1, "not text (U+0000)"),
        ('size: 300\n"a\\0b": 1', 2, "not text (U+0000)"),
        (r'description: "\e[31mred"', 1, "not text (U+001B)"),
        (r'description: "\x9b31m"', 1, "not text (U+009B)"),
        ("size: " + "1" * 30, 1, "a number of 30 digits"),
        ("memory:\n  interval: " + "1" * 19, 2, "a number of 19 digits"),
        ("matte: {black: " + "1" * 5000 + "}", 1, "a number of 5000 digits"),
        ("1" * 30 + ": x", 1, "a number of 30 digits"),
        ("matte: {white: .inf}", 1, "'.inf' is not a finite number"),
        ("matte: {white: -.INF}", 1, "'-.INF' is not a finite number"),
        ("matte: {black: .nan}", 1, "'.nan' is not a finite number"),
        ("matte: {white: 1e999}", 1, "'1e999' is not a finite number"),
        ("matte: {white: 1.5e+400}", 1, "'1.5e+400' is not a finite number"),
        ('size: !!int ""', 1, "'' is not a value of the kind !!int"),
        ('size: !!float ""', 1, "'' is not a value of the kind !!float"),
        ('size: !!int "+"', 1, "'+' is not a value of the kind !!int"),
        ("size: !!int yes", 1, "'yes' is not a value of the kind !!int"),
        ("size: !!bool 1", 1, "'1' is not a value of the kind !!bool"),
        ("size: !!null 1", 1, "'1' is not a value of the kind !!null"),
        ("size: !!set {a, b}", 1, "'!!set' is not supported"),
        ("size: !!omap [a: 1]", 1, "'!!omap' is not supported"),
        ("size: !<tag:example.org,2026:x> 1", 1, "'tag:example.org,2026:x' is not supported"),
        ("size: !<%ff> 3", 1, "is not YAML"),
        ("'1001': a\n1001: b", 2, "'1001' is given twice, first on line 1"),
        ("size: 300\n\tsize: 3", 2, "is indented with a tab"),
    ],
)
def test_invalid_characters_and_numbers_are_refused(write, text, line, what):
    """The error names the line."""
    error = error_of(load_preset, write(text + "\n"))
    assert error.where == f"a.yaml:{line}"
    assert what in error.what


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("089", 89),
        ("0101", 101),
        ("-007", -7),
        ("+5", 5),
        ("1.5e3", 1500.0),
        ("1.5e-1", 0.15),
        (".5", 0.5),
        ("5.", 5.0),
        ("2E2", 200.0),
        ("0x10", "0x10"),
        ("0b11", "0b11"),
        ("0o17", "0o17"),
        ("1:30", "1:30"),
        ("190:20:30", "190:20:30"),
        ("1_000", "1_000"),
        ("1_0.5", "1_0.5"),
        ("2026-01-01", "2026-01-01"),
        ("1.2.3", "1.2.3"),
        ("y", "y"),
        ("Off", False),
        ("YES", True),
        ("yEs", "yEs"),
        ("=", "="),
        ("<<", "<<"),
        ("!!str 5", "5"),
        ("!!int '5'", 5),
        ("!!float 5", 5.0),
        ("'5'", "5"),
        (r'"\ud83d\ude00"', "\U0001f600"),
    ],
)
def test_scalars_are_read_as_intended(write, written, value):
    """Only decimal numbers are numbers; a JSON surrogate pair is one character."""
    found = read_yaml(write(f"a: {written}\n")).data["a"]
    assert found == value
    assert type(found) is type(value)


def test_the_command_line_reads_numbers_as_files_do():
    """`--set` has the same limits as a file."""
    assert parse_value("089") == 89
    assert parse_value("1.5e3") == 1500.0
    for text in ("1" * 30, ".nan", "1e999", r'"\ud800"', "a\0b"):
        assert error_of(parse_value, text).what


@pytest.mark.parametrize("key", ["1_001", "1001.0", "0x3E9", "true", "1e3", "'007'", "~", "1001-1010"])
def test_only_whole_decimal_numbers_are_frames(write, key):
    """Keys that only look like numbers are not frames."""
    error = error_of(load_shot, write(SHOT.replace("1001:", f"{key}:")))
    assert error.where == "a.yaml:4"
    assert error.what.endswith("should be a frame number")


@pytest.mark.parametrize(
    ("objects", "what"),
    [
        ("[yes, no]", "has an object name that YAML does not read as text"),
        ("[1.5]", "has an object name that YAML does not read as text"),
        ("[~]", "has an object name that YAML does not read as text"),
        ("['']", "has an object without a name"),
        ("{'': R}", "has an object without a name"),
        ('["a\\nb"]', "has an object without a name"),
        (f"[{'x' * 1001}]", "has an object name of 1,001 characters; the maximum is 1000"),
    ],
)
def test_names_of_objects_are_text(write, objects, what):
    """`yes` is a boolean and not a name, and duplicate names are errors."""
    error = error_of(load_shot, write(SHOT.replace("k.png", f"{{file: k.png, objects: {objects}}}")))
    assert (error.where, error.what) == ("a.yaml:4", f"keyframes.1001.objects: {what}")


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (SHOT.replace("p.####", "p" * 256 + ".####"), 1, "plate: has a file or folder name of 265 bytes"),
        (SHOT.replace("p.####", "é" * 130 + ".####"), 1, "plate: has a file or folder name of 269 bytes"),
        (SHOT.replace("p.####", "d/" * 2100 + "p.####"), 1, "plate: is a path of 4,"),
        (SHOT.replace("m.####", "m" * 300 + ".####"), 2, "out: has a file or folder name of 309 bytes"),
        (SHOT.replace("k.png", "k" * 300 + ".png"), 4, "keyframes.1001: has a file or folder name of 304 bytes"),
        (SHOT + f"weights: {'w' * 300}.safetensors\n", 5, "weights: has a file or folder name of 312 bytes"),
        (SHOT + f"overlay:\n  folder: {'o' * 300}\n", 6, "overlay.folder: has a file or folder name of 300 bytes"),
        (SHOT + f"colour: {{config: {'c' * 300}.ocio}}\n", 5, "colour.config: has a file or folder name of 305 bytes"),
        (SHOT + f"extends: {'x' * 300}.yaml\n", 5, "cannot be read (File name too long)"),
        (SHOT.replace("p.####.exr", "'p.%0999999999d.exr'"), 1, "plate: asks for frame numbers of more than 18 digits"),
        (
            SHOT.replace("p.####.exr", f"'p.%0{'9' * 50}d.exr'"),
            1,
            "plate: asks for frame numbers of more than 18 digits",
        ),
        (SHOT.replace("m.####", "m.$F999999999"), 2, "out: asks for frame numbers of more than 18 digits"),
    ],
)
def test_paths_that_no_file_system_accepts_are_refused(write, text, line, what):
    """The error names the line of the path, before the job runs."""
    error = error_of(load_shot, write(text))
    assert error.where == f"a.yaml:{line}"
    assert what in error.what


def test_paths_in_presets_are_checked(write):
    """Without a shot file as well."""
    error = error_of(load_preset, write(f"weights: {'w' * 300}.safetensors\n"))
    assert error.where == "a.yaml:1"


@pytest.mark.parametrize("threads", ["1025", "999999999999"])
def test_the_number_of_threads_is_limited(write, threads):
    """More would crash the process."""
    assert "at most 1024" in error_of(load_preset, write(f"compute: {{threads: {threads}}}\n")).what


def test_an_unknown_preset_does_not_hide_other_problems(write):
    """All problems of a file are reported together, including those of `extends`."""
    text = str(error_of(load_shot, write("extends: heroo\n" + SHOT + "sise: 480\nmemory: {interval: 0}\n")))
    lines = text.splitlines()
    assert lines[0] == "a.yaml: 3 problems"
    assert lines[1].startswith("  a.yaml:1: there is no preset 'heroo'. Perhaps you meant 'hero'")
    assert lines[2].startswith("  a.yaml:6: sise: there is no such setting")
    assert lines[3].startswith("  a.yaml:7: memory.interval: should be a whole number")


@pytest.mark.parametrize(
    "extends", ["heroo", "./none.yaml", "[hero, draft]", "5", "./a.yaml", "./broken.yaml", "./pipe.yaml"]
)
def test_an_invalid_extends_does_not_hide_other_problems(write, tmp_path, extends):
    """A missing file, a list, a circle, invalid YAML or a pipe is one problem among others."""
    pipe(tmp_path)
    write("a: [\n", "broken.yaml")
    path = write(f"extends: {extends}\n" + SHOT + "memory: {interval: 0}\n")
    text = str(error_of(load_shot, path))
    assert "memory.interval: should be a whole number" in text
    assert text.startswith("a.yaml: 2 problems\n")
    assert is_shot_file(path)


def test_a_file_below_that_cannot_be_extended_is_one_problem(write):
    """The chain continues with `default`, and the error names the file that extends the unknown preset."""
    write("extends: nowhere\nsize: 10\n", "base.yaml")
    text = str(error_of(load_preset, write("extends: ./base.yaml\nmatte: {black: 2}\n")))
    assert "base.yaml:1: there is no preset 'nowhere'" in text
    assert "base.yaml:2: size: should be at least 64 pixels" in text
    assert "a.yaml:2: matte.black: should be a number" in text


def test_the_number_of_reported_problems_is_limited(write):
    """At most twenty are listed."""
    path = write(SHOT + "".join(f"unknown{number}: 1\n" for number in range(500)))
    lines = str(error_of(load_shot, path)).splitlines()
    assert lines[0] == "a.yaml: more than 20 problems"
    assert [line.split(":")[1] for line in lines[1:]] == [str(line) for line in range(5, 25)]


def test_the_length_of_a_chain_of_presets_is_limited(write):
    """At most a hundred files may extend each other."""
    for number in range(120):
        write(f"extends: ./f{number + 1}.yaml\n", f"f{number}.yaml")
    write("size: 300\n", "f120.yaml")
    assert "more than 100 files extend each other" in str(error_of(load_preset, "f0.yaml"))
    assert load_preset("f30.yaml").size == "300"


def test_presets_are_only_found_in_preset_folders(write, tmp_path):
    """A name is looked up in the listings of the folders; a path is relative to the file that contains it."""
    write("size: 300\n", "outside.yaml")
    write("size: 400\n", "studio/inside.yaml")
    folders = [tmp_path / "studio"]
    for name in ("..outside", "..", ".", "inside\0", "*"):
        assert "there is no preset" in error_of(load_preset, name, search_path=folders).what
    assert load_preset("inside", search_path=folders).size == "400"


def test_layers_of_lists_and_groups_keep_their_own_folders(write, tmp_path):
    """The path of a keyframe that overrides another is relative to the overriding file, even if the other is a group."""
    write(
        "plate: p.####.exr\nout: m.####.exr\nkeyframes:\n  1001: {file: low.png, objects: {hero: R}}\n"
        "  1002: [low.png]\n",
        "low/shot.yaml",
    )
    path = write(
        "extends: ../low/shot.yaml\nkeyframes:\n  1001: high.png\n  1002: [high.png, more.png]\n", "high/a.yaml"
    )
    files = [(keyframe.frame, os.path.relpath(keyframe.file, tmp_path)) for keyframe in load_shot(path).keyframes]
    assert files == [(1001, "high/high.png"), (1002, "high/high.png"), (1002, "high/more.png")]
