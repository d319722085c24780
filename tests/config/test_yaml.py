"""Reading YAML: plain values with their lines, and errors in plain words."""

import pytest

from stcn_plugin.config.yaml_source import parse_value, read_yaml
from stcn_plugin.errors import PresetError


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Write text to ``hero.yaml`` in the current folder and read it back."""
    monkeypatch.chdir(tmp_path)

    def read_text(text):
        path = tmp_path / "hero.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_yaml(path.relative_to(tmp_path))

    return read_text


def test_every_key_and_list_item_has_its_line(read):
    """Lines count from 1 and comments count."""
    document = read("# a comment\nsize: 480\nmemory:\n  interval: 3\nkeyframes:\n  1001:\n    - a.png\n    - b.png\n")
    assert document.data == {"size": 480, "memory": {"interval": 3}, "keyframes": {1001: ["a.png", "b.png"]}}
    assert document.lines == {
        ("size",): 2,
        ("memory",): 3,
        ("memory", "interval"): 4,
        ("keyframes",): 5,
        ("keyframes", 1001): 6,
        ("keyframes", 1001, 0): 7,
        ("keyframes", 1001, 1): 8,
    }


def test_scalars_are_read_as_intended(read):
    """Leading zeros are decimal, exponents are numbers, times and dates are text, and names stay names."""
    document = read("a: 0101\nb: 1e-2\nc: 1:30\nd: 2026-01-01\ne: yes\nf: .5\ng: ~\nh: 1_000\n0008: i\non: j\n-5: k\n")
    assert document.data == {
        "a": 101,
        "b": 0.01,
        "c": "1:30",
        "d": "2026-01-01",
        "e": True,
        "f": 0.5,
        "g": None,
        "h": "1_000",
        8: "i",
        "on": "j",
        -5: "k",
    }


@pytest.mark.parametrize(
    "raw",
    [b"size: 480\n", b"\xef\xbb\xbfsize: 480\n", "size: 480\n".encode("utf-16"), b"size: 480\r\n", b"---\nsize: 480\n"],
)
def test_encodings_and_line_ends_of_other_editors(read, raw):
    """A byte order mark, UTF-16 with one, and Windows line ends are read."""
    assert read(raw).data == {"size": 480}


@pytest.mark.parametrize("raw", [b"", b"\n", b"# only a comment\n", b"---\n"])
def test_an_empty_file_is_an_empty_mapping(read, raw):
    """An empty file is valid."""
    assert read(raw).data == {}


def test_anchors_and_merge_keys(read):
    """Anchors repeat values; keys next to `<<` override the merged ones, and the first merged mapping the others."""
    document = read("a: &a {x: 1, y: 2}\nb: &b {y: 3, z: 4}\nc: {y: 9, <<: *a}\nd: {<<: [*a, *b]}\ne: *a\n")
    assert document.data["c"] == {"x": 1, "y": 9}
    assert document.data["d"] == {"x": 1, "y": 2, "z": 4}
    assert document.data["e"] == {"x": 1, "y": 2}


_LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)
_EMPTY_LAUGHS = "a0: &a0 {}\n" + "".join(
    f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 15)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2\n", "hero.yaml:2: 'a' is given twice, first on line 1. Keep one of the two."),
        ("a:\n\tb: 1\n", "hero.yaml:2: is indented with a tab. Indent with spaces."),
        (
            "a:\t1\n",
            "hero.yaml:1: has a tab where only spaces may be. Write a space, or nothing at the end of the line.",
        ),
        (
            "a: 1\t\n",
            "hero.yaml:1: has a tab where only spaces may be. Write a space, or nothing at the end of the line.",
        ),
        (
            "- 1\n",
            "hero.yaml:1: should consist of lines such as 'size: 480'. Write a key, a colon and a space before each value.",
        ),
        (
            "a:1\n",
            "hero.yaml:1: should consist of lines such as 'size: 480'. Write a key, a colon and a space before each value.",
        ),
        (
            "a: b: c\n",
            "hero.yaml:1: has a colon where none is expected. Look at this line and the one above: the indentation,"
            " a missing colon, or a value that needs quotes.",
        ),
        ("x: 1\na: 'x\nb: 1\n", "hero.yaml:2: a quote that is opened here is never closed. Close the quote."),
        (
            "a: {hero: #ff0000}\nb: 1\n",
            "hero.yaml:1: a bracket that is opened here is never closed."
            " Close it; a colour such as '#ff0000' needs quotes.",
        ),
        ("a: @@@@.exr\n", "hero.yaml:1: a value cannot start with '@'. Put the value into quotes."),
        ("a: %04d.exr\n", "hero.yaml:1: a value cannot start with '%'. Put the value into quotes."),
        (
            "a:\n    b: 1\n  c: 2\n",
            "hero.yaml:3: is indented differently from the lines above it. Line it up with them.",
        ),
        ("a: *b\n", "hero.yaml:1: an alias (*) names an anchor (&) that is not in this file. Check its spelling."),
        ("a: 1\n---\nb: 2\n", "hero.yaml:2: has a second document after '---'. Keep one document in a file."),
        (
            'a: "C:\\roto\\q.exr"\n',
            "hero.yaml:1: has an unknown escape after a backslash. Use / in paths, or single quotes.",
        ),
        (
            "a: !!python/object/apply:os.system [ls]\n",
            "hero.yaml:1: '!!python/object/apply:os.system' is not supported in a preset or shot file. Remove it.",
        ),
        (
            "a: !!binary aGk=\n",
            "hero.yaml:1: '!!binary' is not supported in a preset or shot file. Put it into quotes if it is text.",
        ),
        (
            "a: 1\nb: é\n".encode("latin-1"),
            "hero.yaml:2: is not UTF-8 text (byte 0xe9). Save it as UTF-8 in your text editor.",
        ),
        (
            b"v/1\x01\x02\x00\x00\x00",
            "hero.yaml:1: holds a character that is not text. Check that this is a YAML file.",
        ),
        ("? [a, b]\n: 1\n", "hero.yaml:1: a key should be one word. Check the brackets on this line."),
        ("<<: 5\n", "hero.yaml:1: '<<' should name a group of keys. Write it as <<: *name."),
        (
            "a: &a [*a]\n",
            "hero.yaml:1: has groups nested more than 20 deep. Check the indentation and the brackets.",
        ),
        (
            "a: &a {<<: *a}\n",
            "hero.yaml:1: has groups nested more than 20 deep. Check the indentation and the brackets.",
        ),
        (
            "[" * 2000,
            "hero.yaml:1: has groups nested more than 20 deep. Check the indentation and the brackets.",
        ),
        (
            _LAUGHS,
            "hero.yaml:1: holds more than 100,000 values. Remove aliases (*name) that repeat each other, or split the file.",
        ),
        (
            _EMPTY_LAUGHS,
            "hero.yaml:1: holds more than 100,000 values. Remove aliases (*name) that repeat each other, or split the file.",
        ),
        ("a: 1\n" * 1_000_000, "hero.yaml: is larger than 4 MB, too large for a preset or shot file. Check its name."),
    ],
)
def test_syntax_errors_have_a_line_and_a_fix(read, text, message):
    """Each kind of broken file has a specific message with file, line and fix."""
    with pytest.raises(PresetError) as caught:
        read(text)
    assert str(caught.value) == message


def test_a_missing_file_or_a_folder(tmp_path):
    """The errors have the path."""
    with pytest.raises(PresetError) as caught:
        read_yaml(tmp_path / "none.yaml")
    assert str(caught.value) == f"{tmp_path / 'none.yaml'}: there is no such file. Check the spelling of the path."
    with pytest.raises(PresetError) as caught:
        read_yaml(tmp_path)
    assert str(caught.value) == f"{tmp_path}: is a folder, not a YAML file. Name a file inside it."


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", 3),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("yes", True),
        ("null", None),
        ("", None),
        ("m.####.exr", "m.####.exr"),
        ("####.exr", "####.exr"),
        ("#ff0000", "#ff0000"),
        ("a: b", "a: b"),
        ("1001-1010", "1001-1010"),
        ("'5'", "5"),
        ("[a, 1]", ["a", 1]),
        ("{1001: r.exr:hero.A}", {1001: "r.exr:hero.A"}),
    ],
)
def test_values_of_the_command_line_need_no_quotes(text, value):
    """Plain words are text; brackets and quotes are YAML."""
    assert parse_value(text) == value
