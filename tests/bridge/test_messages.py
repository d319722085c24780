"""Messages are decoded as they were encoded; invalid lines are refused."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from types import MappingProxyType
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stcn_plugin import errors
from stcn_plugin.bridge.assessment import Assessment, DoubtfulFrame, Problem
from stcn_plugin.bridge.build import BuildOptions, Estimate, Plan, PlannedSegment
from stcn_plugin.bridge.description import Choice, Description
from stcn_plugin.bridge.job import JobRequest, KeyframeFile, Progress, Setting
from stcn_plugin.bridge.messages import (
    MAX_MESSAGE_BYTES,
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
from stcn_plugin.bridge.report import EdgeSummary, FlickerSummary, Report, WeightsUsed
from stcn_plugin.errors import PlateError, ProtocolError, STCNError, WorkerError

# With low surrogates, which represent bytes of a file name that are not UTF-8; high ones would combine with them.
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
    settings=st.dictionaries(USABLE, st.builds(Setting, USABLE, USABLE, st.booleans()), max_size=4),
    origins=pairs(USABLE, USABLE),
    build=st.builds(BuildOptions, some(FRAME), st.booleans(), st.booleans(), st.booleans()),
    save_as=st.none() | USABLE,
    plugins=some(USABLE),
)
SEGMENTS = some(st.builds(PlannedSegment, FRAME, TEXT, FRAME, TEXT, some(TEXT)))
BYTES = st.integers(0, 2**60)
PLANS = st.builds(Plan, SEGMENTS, st.none() | TEXT)
ESTIMATES = st.builds(Estimate, FRAME, NUMBER, BYTES, BYTES, BYTES, st.none() | BYTES)
ASSESSMENTS = st.builds(
    Assessment,
    pairs(NUMBER),
    some(st.builds(DoubtfulFrame, FRAME, TEXT, NUMBER)),
    FRAME,
    some(FRAME),
    some(st.builds(Problem, FRAME, TEXT, TEXT, TEXT)),
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
    weights=st.none() | st.builds(WeightsUsed, TEXT, TEXT, TEXT, st.booleans()),
    plan=st.none() | PLANS,
    estimate=st.none() | ESTIMATES,
    assessment=st.none() | ASSESSMENTS,
    flicker=some(st.builds(FlickerSummary, TEXT, FRAME, NUMBER, NUMBER)),
    edges=some(st.builds(EdgeSummary, TEXT, FRAME, NUMBER, NUMBER, NUMBER, NUMBER, NUMBER)),
)
CHOICES = some(st.builds(Choice, TEXT, TEXT))
MESSAGES = st.one_of(
    st.builds(Hello, INT, TEXT, INT),
    st.builds(Alive, NUMBER, st.none() | TEXT, st.none() | TEXT),
    st.builds(Describe),
    st.builds(Run, INT, JOBS),
    st.builds(Cancel, INT),
    st.builds(Quit),
    st.builds(Described, st.builds(Description, CHOICES, CHOICES, CHOICES, pairs(TEXT))),
    st.builds(Progressed, INT, st.builds(Progress, FRAME, FRAME, FRAME)),
    st.builds(Written, INT, FRAME, some(TEXT)),
    st.builds(Warned, INT, TEXT),
    st.builds(Done, INT, REPORTS),
)
ERRORS = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, STCNError)]


def filled(kind: type) -> object:
    """A message with a value in every field."""
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
        WeightsUsed("n", "0" * 64, "l", True),
        Plan((PlannedSegment(1, "1-9", 9, "1-9", ("r",)),), "c"),
        Estimate(9, 1.5, 1, 2, 3, 4),
        Assessment({"a": 0.9}, (DoubtfulFrame(5, "a", 0.6),), 1, (5,), (Problem(5, "a", "w", "f"),)),
        (FlickerSummary("a", 9, 0.1, 0.2),),
        (EdgeSummary("a", 9, 0.1, 0.2, 0.3, 0.4, 0.5),),
    )
    job = JobRequest(
        "s",
        "p",
        (KeyframeFile(1, "k", {"a": 1, "b": "B"}),),
        "o",
        "1-2",
        {"a": "1"},
        "d",
        {"x": Setting("1", "--set x=1", True)},
        {"range": "--range"},
        BuildOptions((1,), rebuild=True, verify=True, is_dry_run=True),
        "z",
        ("m",),
    )
    choices = (Choice("n", "l"),)
    known = {
        "protocol": 1, "version": "1", "pid": 2, "id": 3, "job": job, "description": Description(choices, choices, choices, {"p": "n"}),
        "progress": Progress(1, 2, 3), "frame": 4, "files": ("f",), "text": "t", "report": report, "error": PlateError("w", where="p", fix="f"), "seconds": 1.5, "doing": "d", "file": "f",
    }  # fmt: skip
    return kind(**{each.name: known[each.name] for each in fields(kind)})


def test_the_strategies_cover_every_message():
    """With all fields."""
    assert {*get_args(Message)} == {type(filled(kind)) for kind in get_args(Message)}
    job = filled(Run).job
    report = filled(Done).report
    for value in (
        job,
        job.keyframes[0],
        job.build,
        report,
        report.weights,
        report.plan,
        report.plan.segments[0],
        report.assessment,
        report.assessment.doubtful[0],
        report.edges[0],
        report.assessment.problems[0],
        filled(Described).description,
    ):
        for each in fields(value):
            assert getattr(value, each.name), f"{type(value).__name__}.{each.name}"


@given(MESSAGES)
def test_messages_are_decoded_as_they_were_encoded(message):
    """As one line of ASCII."""
    line = encode(message)
    assert line.isascii()
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert decode(line) == message


@given(st.sampled_from(ERRORS), TEXT, st.none() | TEXT, st.none() | TEXT)
def test_errors_are_decoded_as_they_were_encoded(kind, what, where, fix):
    """With class and text."""
    found = decode(encode(Failed(5, kind(what, where=where, fix=fix))))
    assert found.id == 5
    assert type(found.error) is kind
    assert (found.error.what, found.error.where, found.error.fix) == (what, where, fix)


def test_an_error_of_a_plugins_class_becomes_one_of_its_base_class():
    """The host does not have the studio's classes."""

    class StudioPlateError(PlateError):
        pass

    error = decode(encode(Failed(1, StudioPlateError("no tape")))).error
    assert type(error) is PlateError
    assert error.what == "no tape"


def test_an_error_of_an_unknown_class_becomes_a_worker_error():
    """Such as a class of a later version."""
    for kind in ("TapeError", "annotations", "__doc__", ""):
        line = json.dumps({"type": "failed", "id": 1, "error": {"kind": kind, "what": "w"}}).encode()
        assert type(decode(line).error) is WorkerError


def paths_into(data: object, path: tuple = ()):
    """Yield the path to every value in a message's JSON."""
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
    """Every key of every message is checked."""
    data = json.loads(encode(filled(kind)))
    tried = 0
    for path in paths_into(data):
        value = data
        for key in path:
            value = value[key]
        for wrong in (True, 1.5, 7, "text", [[]], {"x": {}}):
            fits = type(wrong) is type(value) and wrong not in ([[]], {"x": {}})
            fits = fits or (
                path[-1] in ("job", "description", "plan") and wrong == {"x": {}}
            )  # all of their fields have defaults
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
def test_every_required_key_is_checked(kind):
    """The error names the missing key."""
    data = json.loads(encode(filled(kind)))
    for key in data.keys() - {"files", "seconds", "doing", "file"}:  # optional
        with pytest.raises(ProtocolError, match=f"'{key}'"):
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
def test_invalid_lines_are_refused(line):
    """With an error that is short enough to show."""
    with pytest.raises(ProtocolError) as caught:
        decode(line)
    assert len(str(caught.value)) < 250


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(line):
    """Without another exception."""
    with pytest.raises(ProtocolError):
        decode(line)


@given(MESSAGES, st.data())
def test_a_cut_message_is_refused(message, data):
    """Wherever it is cut."""
    line = encode(message)
    with pytest.raises(ProtocolError):
        decode(line[: data.draw(st.integers(0, len(line) - 2))])


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_seconds_are_numbers(constant):
    """Python's JSON accepts more than numbers."""
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
        Warned(1, "x" * MAX_MESSAGE_BYTES),
    ],
    ids=["integer", "bytes", "nan", "set", "long"],
)
def test_values_that_json_does_not_support_are_refused(message):
    """Before the message is sent."""
    with pytest.raises(ProtocolError):
        encode(message)


def test_any_mapping_and_sequence_can_be_sent():
    """They are decoded as dictionaries and tuples."""
    job = JobRequest(objects=MappingProxyType({"hero": "1-2", "ball": None}), settings=MappingProxyType({"a": Setting("1", "--set a=1", True)}), keyframes=[KeyframeFile(1, "k", MappingProxyType({"hero": 1}))])  # fmt: skip
    found = decode(encode(Run(1, job))).job
    assert found == JobRequest(
        objects={"hero": "1-2", "ball": None},
        settings={"a": Setting("1", "--set a=1", True)},
        keyframes=(KeyframeFile(1, "k", {"hero": 1}),),
    )


def test_unknown_keys_are_ignored_and_missing_optional_ones_have_defaults():
    """An empty job is the default one."""
    assert decode(b'{"type": "run", "id": 1, "job": {"later": 1}, "more": []}').job == JobRequest()


def test_only_the_same_protocol_is_accepted():
    """The error has the versions of both sides."""
    check_version(Hello(PROTOCOL, "1", 1))
    for other in (PROTOCOL - 1, PROTOCOL + 1):
        with pytest.raises(ProtocolError) as caught:
            check_version(Hello(other, "1", 1))
        assert f"protocol {other}," in caught.value.what
        assert caught.value.what.endswith(f" {PROTOCOL}")


def test_messages_are_immutable():
    """All of them are frozen dataclasses."""
    for kind in get_args(Message):
        assert is_dataclass(kind)
        assert kind.__dataclass_params__.frozen
