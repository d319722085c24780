"""Knobs with the names of Nuke's classes. Each accepts only values of its own type."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

from nuke_stage import Misuse, stage, strict
from nuke_stage.tcl import evaluated


@strict
class Knob:
    """Base of all knobs."""

    _user_code = 0  # number of the class in addUserKnob

    def __init__(self, name: str, label: str = "") -> None:
        if not isinstance(name, str) or not isinstance(label, str):
            raise TypeError("name and label of a knob are texts")
        self._name, self._label = name, label or name
        self._value: Any = ""
        self._node: Any = None
        self._flags = 0
        self._enabled = True
        self._tooltip = ""
        self._keys: list[int] = []

    def Class(self) -> str:
        return type(self).__name__

    def name(self) -> str:
        return self._name

    def label(self) -> str:
        return self._label

    def enabled(self) -> bool:
        return self._enabled

    def setEnabled(self, enabled: bool) -> None:
        if not isinstance(enabled, bool):
            raise TypeError("setEnabled takes a bool")
        self._enabled = enabled

    def setTooltip(self, tooltip: str) -> None:
        if not isinstance(tooltip, str):
            raise TypeError("setTooltip takes a str")
        self._tooltip = tooltip

    def setFlag(self, flag: int) -> None:
        self._flags |= flag

    def clearFlag(self, flag: int) -> None:
        self._flags &= ~flag

    def getFlag(self, flag: int) -> bool:
        return bool(self._flags & flag)

    def isAnimated(self, channel: int = -1) -> bool:
        return bool(self._keys)

    def getKeyList(self) -> list[int]:
        return list(self._keys)

    def value(self) -> Any:
        return self._value

    def setValue(self, val: Any) -> bool:
        self._value = self._checked(val)
        self._changed()
        return True

    def _checked(self, value: Any) -> Any:
        raise TypeError(f"{self.Class()} '{self._name}' cannot be set")

    def _changed(self) -> None:
        if self._node is not None:
            self._node._knob_changed(self)

    def toScript(self, quote: bool = False, context: Any = None) -> str:
        return self._script()

    def fromScript(self, script: str) -> None:
        if self._value is not None or script != "None":
            self._from_script(script if script.startswith("{") else unquoted(script))

    def _script(self) -> str:
        return quoted(str(self._value))

    def _from_script(self, text: str) -> None:
        self._value = self._checked(text)


def quoted(text: str) -> str:
    if text and re.fullmatch(r"[\w./#%:+-]+", text):
        return text
    escaped = re.sub(r'([\\"$\[\]])', r"\\\1", text).replace("\n", "\\n")
    return f'"{escaped}"'


def unquoted(raw: str) -> str:
    if len(raw) >= 2 and raw[0] == raw[-1] == '"':
        raw = raw[1:-1].replace("\\n", "\n")
    return re.sub(r"\\(.)", r"\1", raw)


@strict
class String_Knob(Knob):
    """Its value is the evaluated text, as Foundry documents it; `getText` returns the text itself."""

    _user_code = 1

    def getText(self) -> str:
        return self._value

    def value(self) -> str:
        return evaluated(self._value)

    def _checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(f"'{self._name}' takes a text, not {value!r}")
        return value


@strict
class EvalString_Knob(String_Knob):
    _user_code = 1

    def evaluate(self) -> str:
        return numbered(evaluated(self._value), stage.frame)


@strict
class Multiline_Eval_String_Knob(EvalString_Knob):
    """A label. Nuke evaluates it whenever the node graph is drawn, so it is evaluated immediately."""

    def _changed(self) -> None:
        super()._changed()
        evaluated(self._value)

    def _from_script(self, text: str) -> None:
        super()._from_script(text)
        evaluated(self._value)


@strict
class File_Knob(EvalString_Knob):
    _user_code = 2

    def value(self) -> str:
        return self._value

    def _checked(self, value: Any) -> str:
        text = super()._checked(value)
        if re.search(r"\\(?![\[\]$\\])", text):
            raise Misuse(f"backslashes in the file '{text}'")
        return text

    def getEvaluatedValue(self) -> str | None:
        text = evaluated(self._value)
        for name, value in stage.variables.items():  # of the graph, Nuke 16
            text = text.replace(f"%{{{name}}}", value)
        return stage.assets.get(text, text) or None

    def fromUserText(self, s: str) -> None:
        match = re.fullmatch(r"(?P<file>.*?)(?: (?P<first>-?\d+)-(?P<last>-?\d+))?", s, re.DOTALL)
        assert match, s
        self.setValue(match["file"])
        if self._node is not None and self._node.kind == "Read":
            self._node._opened(match["first"], match["last"])


@strict
class Boolean_Knob(Knob):
    _user_code = 6

    def setValue(self, b: Any) -> bool:
        return Knob.setValue(self, b)

    def _checked(self, value: Any) -> bool:
        if not isinstance(value, bool):
            raise TypeError(f"'{self._name}' takes a bool, not {value!r}")
        return value

    def _script(self) -> str:
        return "true" if self._value else "false"

    def _from_script(self, text: str) -> None:
        self._value = {"true": True, "false": False}[text]


@strict
class Int_Knob(Knob):
    _user_code = 3

    def _checked(self, value: Any) -> int:
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"'{self._name}' takes a whole number, not {value!r}")
        return value

    def _from_script(self, text: str) -> None:
        self._value = int(text, 0)


class Unsigned_Knob(Int_Knob):
    def _script(self) -> str:
        return f"0x{self._value:x}"


@strict
class Double_Knob(Knob):
    _user_code = 7

    def _checked(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise TypeError(f"'{self._name}' takes a number, not {value!r}")
        return float(value)

    def _script(self) -> str:
        return f"{self._value:g}"

    def _from_script(self, text: str) -> None:
        self._value = float(text)


@strict
class Enumeration_Knob(Unsigned_Knob):
    _user_code = 4

    def __init__(self, name: str, label: str, values: list[str]) -> None:
        super().__init__(name, label)
        self.setValues(values)
        self._value = values[0]

    def values(self) -> list[str]:
        return list(self._values)

    def numValues(self) -> int:
        return len(self._values)

    def setValues(self, items: list[str]) -> None:
        if not items or not all(isinstance(item, str) for item in items):
            raise TypeError(f"'{self._name}' takes a list of texts")
        self._values = list(items)
        if getattr(self, "_value", None) not in self._values:
            self._value = self._values[0]

    def _checked(self, value: Any) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = self._values[value]
        if value not in self._values:
            raise TypeError(f"'{self._name}' has no entry {value!r}, only {self._values}")
        return value

    def _script(self) -> str:
        return quoted(self._value)

    def _from_script(self, text: str) -> None:
        self._value = self._checked(text)


class ColorspaceKnob(Enumeration_Knob):
    """Stands in for Nuke's cascading menu of colour spaces; accepts the names that a test sets."""

    def _checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(f"'{self._name}' takes a text")
        if value not in self._values:
            self._values.append(value)
        return value


@strict
class Channel_Knob(Knob):
    def _checked(self, value: Any) -> str:
        known = {channel for channels in stage.layers.values() for channel in channels}
        if value not in known | {"none"}:
            raise TypeError(f"'{self._name}' takes a channel; there is no {value!r}")
        return value


class ChannelMask_Knob(Channel_Knob):
    def _checked(self, value: Any) -> str:
        if value not in {"all", "none", "rgb", "rgba", "alpha", *stage.layers}:
            raise TypeError(f"'{self._name}' takes a layer; there is no {value!r}")
        return value


@strict
class Format_Knob(Knob):
    def _checked(self, value: Any) -> Any:
        if not hasattr(value, "pixelAspect"):
            raise TypeError(f"'{self._name}' takes a format")
        return value

    def _script(self) -> str:
        form = self._value
        return (
            f'"{form.width()} {form.height()} 0 0 {form.width()} {form.height()} {form.pixelAspect():g} {form.name()}"'
        )

    def _from_script(self, text: str) -> None:
        from nuke_stage.nodes import Format

        width, height, _, _, _, _, aspect, *name = text.split()
        self._value = Format(int(width), int(height), float(aspect), " ".join(name))


@strict
class Script_Knob(String_Knob):
    def setValue(self, cmd: str) -> None:
        Knob.setValue(self, cmd)

    def execute(self) -> None:
        if self._node is None:
            raise Misuse("a button of no node was pressed")
        self._node._pressed(self._name)


class PyScript_Knob(Script_Knob):
    _user_code = 22


class Tab_Knob(Knob):
    _user_code = 20


@strict
class Text_Knob(Knob):
    """Text in a panel. When it is shown, Nuke evaluates it as TCL, and Qt interprets markup."""

    _user_code = 26

    def __init__(self, name: str, label: str = "", value: str = "") -> None:
        super().__init__(name, label)
        self._value = value
        evaluated(value)

    def value(self) -> str:
        return evaluated(self._value)

    def _shown(self) -> str:
        """Return what the artist sees."""
        return displayed(self.value())

    def _changed(self) -> None:
        super()._changed()
        evaluated(self._value)

    def _checked(self, value: Any) -> str:
        if not isinstance(value, str):
            raise TypeError(f"'{self._name}' takes a text, not {value!r}")
        return value


class _Markup(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag != "span" or attrs:
            raise Misuse(f"markup <{tag}> was interpreted")

    def handle_data(self, data: str) -> None:
        self.text += data


def displayed(text: str) -> str:
    """Return the text that Qt displays. It takes a text for markup if it has a tag or an escaped one.

    Raises:
        Misuse: It has markup other than a span.
    """
    if not re.search(r"<[!/\w]|&lt;", text):
        return text
    parser = _Markup()
    parser.feed(text)
    parser.close()
    return parser.text


def numbered(text: str, frame: int) -> str:
    """Return a file name with its frame number."""
    text = re.sub(r"%0?(\d*)d", lambda match: f"{frame:0{match[1] or 1}d}", text)
    return re.sub(r"#+", lambda match: f"{frame:0{len(match[0])}d}", text)
