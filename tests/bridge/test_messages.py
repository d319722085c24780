"""What is sent arrives as it was, whatever it holds; what is no message is refused."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin import errors
from stcn_plugin.bridge.job import Choice, Description, JobRequest, KeyframeFile, Progress, Report
from stcn_plugin.bridge.messages import (
    MOST_BYTES,
    PROTOCOL,
    Alive,
    Cancel,
    Describe,
    Described,
    Done,
    Failed,
    Hello,
    Message,
    Progressed,
    Quit,
    Run,
    Warned,
    Written,
    check_version,
    decode,
    encode,
)
from stcn_plugin.errors import PlateError, ProtocolError, STCNError, WorkerError

# Low surrogates included, which stand in for bytes of a file name that are no UTF-8; high ones would pair up with them.
CHARACTERS = st.characters().filter(lambda character: not "\ud800" <= character <= "\udbff")
TEXT = st.text(CHARACTERS, max_size=30) | st.sampled_from(
    [
        "",
        "a\nb",
        'say "hello"',
        "back\\slash",
        "\x00",
        "\u2028",
        "plates/\udcff\udc80.####.exr",
        "\U0001d525ero",
        "\ud83d",
    ]
)
FRAME = st.integers(-(2**31) + 1, 2**31 - 1)
INT = st.integers() | st.sampled_from([0, -1, 2**53 + 1, 10**4000, -(10**4000)])
NUMBER = st.floats(allow_nan=False, allow_infinity=False)


def is_usable(text):
    """Whether a system can take a text as a file name; jobs hold no others."""
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return False
    return "\0" not in text


USABLE = TEXT.filter(is_usable)


def some(item, **arguments):
    return st.lists(item, max_size=4, **arguments).map(tuple)


def pairs(item, names=TEXT):
    return st.dictionaries(names, item, max_size=4)


KEYFRAMES = st.builds(KeyframeFile, FRAME, USABLE, st.none() | pairs(USABLE | INT, USABLE))
JOBS = st.builds(
    JobRequest,
    shot_file=st.none() | USABLE,
    plate=st.none() | USABLE,
    keyframes=some(KEYFRAMES),
    out=st.none() | USABLE,
    range=st.none() | USABLE,
    objects=pairs(USABLE, USABLE),
    preset=st.none() | USABLE,
    settings=some(USABLE),
    update=some(FRAME),
    save_as=st.none() | USABLE,
    plugins=some(USABLE),
)
REPORTS = st.builds(
    Report,
    objects=some(TEXT),
    layers=pairs(TEXT),
    patterns=pairs(TEXT),
    layout=TEXT,
    device=TEXT,
    precision=TEXT,
    files=some(TEXT),
    frames=some(FRAME),
    first=FRAME,
    last=FRAME,
    seconds=pairs(NUMBER),
    contact_sheet=st.none() | TEXT,
    shot_file=st.none() | TEXT,
    warnings=some(TEXT),
)
CHOICES = some(st.builds(Choice, TEXT, TEXT))
MESSAGES = st.one_of(
    st.builds(Hello, INT, TEXT, INT),
    st.builds(Alive, NUMBER, st.none() | TEXT, st.none() | TEXT),
    st.builds(Describe),
    st.builds(Run, INT, JOBS),
    st.builds(Cancel, INT),
    st.builds(Quit),
    st.builds(Described, st.builds(Description, CHOICES, CHOICES, CHOICES)),
    st.builds(Progressed, INT, st.builds(Progress, FRAME, FRAME, FRAME)),
    st.builds(Written, INT, FRAME, some(TEXT)),
    st.builds(Warned, INT, TEXT),
    st.builds(Done, INT, REPORTS),
)
ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, STCNError)]


def filled(kind: type) -> object:
    """One of a message, with something in every field."""
    report = Report(
        ("a",),
        {"a": "a"},
        {"a": "m.####.exr"},
        "layers",
        "cpu",
        "bfloat16",
        ("f",),
        (1,),
        1,
        9,
        {"read": 1.5},
        "c",
        "s",
        ("w",),
    )
    job = JobRequest(
        "s", "p", (KeyframeFile(1, "k", {"a": 1, "b": "B"}),), "o", "1-2", {"a": "1"}, "d", ("x=1",), (1,), "z", ("m",)
    )
    choices = (Choice("n", "l"),)
    known = {
        "protocol": 1, "version": "1", "pid": 2, "id": 3, "job": job, "description": Description(choices, choices, choices),
        "progress": Progress(1, 2, 3), "frame": 4, "files": ("f",), "text": "t", "report": report, "error": PlateError("w", where="p", fix="f"), "seconds": 1.5, "doing": "d", "file": "f",
    }  # fmt: skip
    return kind(**{each.name: known[each.name] for each in fields(kind)})


def test_the_strategies_cover_every_message():
    """No message and no field is left out of the tests below."""
    assert {*get_args(Message)} == {type(filled(kind)) for kind in get_args(Message)}
    job = filled(Run).job
    for value in (job, job.keyframes[0], filled(Done).report):
        for each in fields(value):
            assert getattr(value, each.name), f"{type(value).__name__}.{each.name}"


@given(MESSAGES)
def test_messages_arrive_as_they_were(message):
    """One ASCII line without a break inside, from which the equal message is read."""
    line = encode(message)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == message


@given(st.sampled_from(ERRORS), TEXT, st.none() | TEXT, st.none() | TEXT)
def test_errors_arrive_as_they_were(kind, what, where, fix):
    """An error keeps its class and all its words."""
    found = decode(encode(Failed(5, kind(what, where=where, fix=fix))))
    assert found.id == 5
    assert type(found.error) is kind
    assert (found.error.what, found.error.where, found.error.fix) == (what, where, fix)


def test_an_error_of_a_plugins_own_class_arrives_as_the_nearest_one():
    """The host does not know a studio's classes; it gets the class that they are made from."""

    class StudioPlateError(PlateError):
        pass

    error = decode(encode(Failed(1, StudioPlateError("no tape")))).error
    assert type(error) is PlateError
    assert error.what == "no tape"


def test_an_error_of_an_unknown_class_arrives_as_a_worker_error():
    """A class of a later version, and a name that is no class, are still told."""
    for kind in ("TapeError", "annotations", "__doc__", ""):
        line = json.dumps({"type": "failed", "id": 1, "error": {"kind": kind, "what": "w"}}).encode()
        assert type(decode(line).error) is WorkerError


def paths_into(data: object, path: tuple = ()):
    """Every place in a message's JSON."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from paths_into(value, (*path, key))


def replaced(data: object, path: tuple, value: object) -> object:
    copy = json.loads(json.dumps(data))
    parent = copy
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return copy


@pytest.mark.parametrize("kind", get_args(Message), ids=lambda kind: kind.__name__)
def test_every_value_of_a_wrong_type_is_refused(kind):
    """Whatever key of whatever message holds something else, it is an error and no other exception."""
    data = json.loads(encode(filled(kind)))
    tried = 0
    for path in paths_into(data):
        value = data
        for key in path:
            value = value[key]
        for wrong in (True, 1.5, 7, "text", [[]], {"x": {}}):
            fits = type(wrong) is type(value) and wrong not in ([[]], {"x": {}})
            fits = fits or (path[-1] in ("job", "description") and wrong == {"x": {}})  # all of theirs has defaults
            is_number = isinstance(value, float) and isinstance(wrong, (int, float)) and not isinstance(wrong, bool)
            is_choice = (
                path[-2:-1] == ("objects",)
                and "keyframes" in path
                and isinstance(wrong, (str, int))
                and wrong is not True
            )
            if fits or is_number or is_choice:
                continue
            tried += 1
            with pytest.raises(ProtocolError):
                decode(json.dumps(replaced(data, path, wrong)).encode())
    assert tried >= 5


@pytest.mark.parametrize("kind", get_args(Message), ids=lambda kind: kind.__name__)
def test_every_key_that_must_be_there_is_missed(kind):
    """A message without one of its own keys is refused, and told which."""
    data = json.loads(encode(filled(kind)))
    for key in data.keys() - {"files", "seconds", "doing", "file"}:  # an absent list is an empty one, and so on
        with pytest.raises(ProtocolError, match=f"has no '{key}'"):
            decode(json.dumps({name: value for name, value in data.items() if name != key}).encode())


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\n", b"hello\n", b"null\n", b"3\n", b'"hello"\n', b"[]\n", b"{}\n", b'{"type": null}\n', b'{"type": "message"}\n',
        b'{"type": "Hello", "protocol": 1, "version": "1", "pid": 1}\n', b'{"type": "cancel", "id": NaN}\n', b'{"type": "cancel", "id": 1e400}\n',
        b'{"type": "cancel", "id": ' + b"9" * 5000 + b"}\n", b'{"type": "cancel", "id": "' + b"9" * 5000 + b'"}\n', b'{"type": "cancel", "id": 1}{}\n',
        b"[" * 100_000, b'{"a":' * 100_000, b'{"type": "cancel", "id": ' + b"[" * 900 + b"]" * 900 + b"}", b"\xff\xfe\x00", b"\x80abc", b'{"type": "can',
    ],
    ids=lambda line: repr(line[:30]),
)  # fmt: skip
def test_what_is_no_message_is_refused_in_few_words(line):
    """Rubbish of any kind and size is a protocol error that can be shown."""
    with pytest.raises(ProtocolError) as caught:
        decode(line)
    assert len(str(caught.value)) < 250


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_refused(line):
    """Nothing but a protocol error comes of bytes at random."""
    with pytest.raises(ProtocolError):
        decode(line)


@given(MESSAGES, st.data())
def test_a_cut_message_is_refused(message, data):
    """A message that was cut anywhere is no message."""
    line = encode(message)
    with pytest.raises(ProtocolError):
        decode(line[: data.draw(st.integers(0, len(line) - 2))])


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_seconds_are_numbers(constant):
    """What Python's JSON would take but nobody can count with is refused."""
    line = encode(filled(Done)).replace(b"1.5", constant.encode())
    with pytest.raises(ProtocolError):
        decode(line)


@pytest.mark.parametrize(
    "message",
    [
        Cancel(10**5000),
        Warned(1, b"bytes"),
        Done(1, Report((), {}, {}, "layers", "cpu", "float32", seconds={"read": float("nan")})),
        Written(1, 1, ({1, 2},)),
        Warned(1, "x" * MOST_BYTES),
    ],
    ids=["integer", "bytes", "nan", "set", "long"],
)
def test_what_json_cannot_hold_is_refused_before_it_is_sent(message):
    """A message that could not be read is not sent."""
    with pytest.raises(ProtocolError):
        encode(message)


def test_any_mapping_and_sequence_will_do():
    """A host may give what behaves like a dictionary and a tuple."""
    job = JobRequest(objects=MappingProxyType({"hero": "1-2", "ball": None}), settings=["a=1"], keyframes=[KeyframeFile(1, "k", MappingProxyType({"hero": 1}))])  # fmt: skip
    found = decode(encode(Run(1, job))).job
    assert found == JobRequest(
        objects={"hero": "1-2", "ball": None}, settings=("a=1",), keyframes=(KeyframeFile(1, "k", {"hero": 1}),)
    )


def test_unknown_keys_are_passed_over_and_absent_optional_ones_are_defaults():
    """An empty job is the default one; what a later version adds does not harm."""
    assert decode(b'{"type": "run", "id": 1, "job": {"later": 1}, "more": []}').job == JobRequest()


def test_only_the_same_protocol_is_taken():
    """Another version of either side is told, with what to do."""
    check_version(Hello(PROTOCOL, "1", 1))
    for other in (PROTOCOL - 1, PROTOCOL + 1):
        with pytest.raises(ProtocolError, match=f"speaks protocol {other}, this host speaks {PROTOCOL}"):
            check_version(Hello(other, "1", 1))


def test_messages_cannot_be_changed():
    """What was sent or received stays what it is."""
    for kind in get_args(Message):
        assert is_dataclass(kind)
        assert kind.__dataclass_params__.frozen
