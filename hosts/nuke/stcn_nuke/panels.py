"""The panel, made of Nuke's own knobs so that it works with any version of Qt. For sessions with an interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import nuke
import nukescripts

from stcn_nuke import colour
from stcn_nuke.jobs import KeyframeSource, PropagateJob
from stcn_nuke.knob_text import absolute, get_text, set_file, set_label, set_text
from stcn_nuke.plates import default_out, frame_range
from stcn_nuke.remembered import JobResult
from stcn_nuke.rotos import at_own_keys
from stcn_nuke.selection import Selection, node_named
from stcn_nuke.setting_knobs import BY_PRESET, SettingKnobs
from stcn_plugin.bridge import EVERY_WORKER, Choice, Description
from stcn_plugin.bridge.panel import panel_settings, split_settings
from stcn_plugin.errors import FrameRangeError, HostError
from stcn_plugin.frames import format_frame_range, parse_frame_range

KEYS, CURRENT, LISTED = "where the roto has keys", "at the current frame", "at these frames"
_PLACE = "STCN panel"
_OBJECT = "Name of the object. An empty name leaves it out"
_ACTIONS = ("propagate", "refresh", "close_panel")


class PropagatePanel(nukescripts.PythonPanel):
    """Asks for the settings of a shot. It stays open while the artist works.

    Args:
        selection: The plate and the nodes that can be it.
        sources: The objects that can be propagated.
        last: A job whose settings are suggested: that of the selected mattes, or the last one of the script. Everything
            is taken from a job of the same plate, and the settings alone from one of another plate.
        result: The result of the last job of the script, if there is one.
        on_action: Called with the name of a button that was pressed: ``propagate``, ``refresh`` or ``close_panel``.
    """

    def __init__(
        self,
        selection: Selection,
        sources: Sequence[KeyframeSource],
        *,
        last: PropagateJob | None,
        result: JobResult | None = None,
        on_action: Callable[[str], None],
    ) -> None:
        super().__init__("STCN: propagate roto", "stcn.PropagatePanel")
        self._on_action = on_action
        self._plate = nuke.Enumeration_Knob("plate", "plate", list(selection.candidates))
        self._plate.setValue(selection.plate)
        self._when = nuke.Enumeration_Knob("when", "keyframes", [KEYS, CURRENT, LISTED])
        self._when.setTooltip("Objects without keys are keyframes at the current frame")
        self._frames = nuke.String_Knob("frames", "frames")
        self._frames.setTooltip("Such as 1001,1024,1060")
        self._frames.setEnabled(False)
        self._range = nuke.String_Knob("range", "frame range")
        self._colour = nuke.String_Knob("colour", "colour space")
        self._colour.setTooltip("Colour space of the plate; empty uses the one stated in its files")
        self._out = nuke.File_Knob("out", "mattes")
        self._preset = nuke.Enumeration_Knob("preset", "preset", _names(EVERY_WORKER.presets))
        self._weights = nuke.Enumeration_Knob("weights", "weights", [BY_PRESET, *_names(EVERY_WORKER.weights)])
        self._device = nuke.Enumeration_Knob("device", "device", [BY_PRESET, *_names(EVERY_WORKER.devices)])
        self._licence = nuke.Text_Knob("licence", "licence", "")
        self._settings = SettingKnobs()
        self._more = nuke.String_Knob("more", "more settings")
        self._more.setTooltip("Any other setting, such as memory.interval=3 size=720")
        self._state = nuke.Text_Knob("state", "worker", "starting...")
        self._result = nuke.Text_Knob("result", "last job", "")
        self._description: Description | None = None
        self._sources = tuple(sources)
        self._objects = [_object_knob(number, source) for number, source in enumerate(self._sources)]
        self._add(self._plate, *self._objects, self._when, self._frames, self._range, self._colour)
        self._add(self._preset, self._weights, self._licence, self._device)
        self._add(*self._settings.knobs, self._more, self._out, self._state, self._result, *_buttons())
        self._fields: Mapping[str, nuke.Knob] = {
            "range": self._range,
            "out": self._out,
            "preset": self._preset,
            "colour.input": self._colour,
            "weights": self._weights,
            "compute.device": self._device,
        }
        self._fill()
        if last is not None:
            self._suggest(last, is_same=last.plate == selection.plate)
        if result is not None:
            self.show_result(result.label)

    def close(self) -> None:
        """Close the panel, if the artist has not closed it."""
        self.hide()
        self.removeCallback()

    def knobChanged(self, knob: nuke.Knob) -> None:  # noqa: N802 - the name that Nuke calls
        """React to a button or a changed value."""
        name = knob.name()
        if name in _ACTIONS:
            self._on_action(name)
        if name == "when":
            self._frames.setEnabled(self._when.value() == LISTED)
        if name == "plate":
            self._fill()
        if name in ("preset", "weights"):
            self._show_licence()
        self._settings.changed(knob)

    def show_description(self, description: Description | None, error: Exception | None) -> None:
        """Fill the menus from the worker's description, or show the error. The selected entries are kept."""
        if description is None:
            set_label(self._state, str(error))
            return
        _refill(self._preset, _names(description.presets))
        _refill(self._weights, [BY_PRESET, *_names(description.weights)])
        _refill(self._device, [BY_PRESET, *_names(description.devices)])
        self._state.setValue("ready")
        self._description = description
        self._show_licence()

    def show_result(self, text: str) -> None:
        """Show what the last job did."""
        set_label(self._result, text)

    def job(self) -> PropagateJob:
        """Return the job that the panel describes.

        Raises:
            STCNError: A value is missing or invalid.
        """
        out = str(self._out.getEvaluatedValue() or "").strip()
        return PropagateJob(
            plate=self._plate.value(),
            sources=self._keyframes(self._shot()),
            range=get_text(self._range).strip(),
            out=absolute(out) if out else "",
            colour=get_text(self._colour).strip(),
            preset=self._preset.value(),
            weights=_chosen(self._weights),
            device=_chosen(self._device),
            settings=panel_settings(self._settings.values(), get_text(self._more), place=_PLACE),
            origins={key: _field(knob) for key, knob in self._fields.items()},
        )

    def _add(self, *knobs: nuke.Knob) -> None:
        for knob in knobs:
            self.addKnob(knob)

    def _keyframes(self, shot: Sequence[int]) -> tuple[KeyframeSource, ...]:
        """Return the sources that have a name, with their frames.

        Args:
            shot: Frames of the shot.

        Raises:
            HostError: None has a name, or the node of one is missing.
            FrameRangeError: The list of frames is not a frame range.
        """
        named = [
            replace(source, name=name)
            for source, knob in zip(self._sources, self._objects)  # noqa: B905 - Python 3.9 has no strict zip
            if (name := get_text(knob).strip())
        ]
        if not named:
            raise HostError(
                "there is no object to propagate",
                where=_PLACE,
                fix="Select Roto nodes, or any node with an alpha, and press 'take from selection'",
            )
        when = self._when.value()
        if when == KEYS:
            return tuple(at_own_keys(source, shot) for source in named)
        frames = (nuke.frame(),) if when == CURRENT else parse_frame_range(get_text(self._frames))
        for source in named:
            node_named(source.node)
        return tuple(replace(source, frames=frames, follows_keys=False) for source in named)

    def _show_licence(self) -> None:
        """Show the licence of the chosen weights, once the worker has answered."""
        if self._description is not None:
            set_label(self._licence, self._description.licence(_chosen(self._weights), preset=self._preset.value()))

    def _shot(self) -> tuple[int, ...]:
        try:
            return parse_frame_range(get_text(self._range).strip())
        except FrameRangeError as error:
            raise FrameRangeError(error.what, where=_field(self._range), fix=error.fix) from None

    def _fill(self) -> None:
        plate = node_named(self._plate.value())
        set_text(self._range, frame_range(plate))
        set_text(self._colour, colour.plate_space(plate))
        set_file(self._out, default_out(get_text(nuke.root()["name"]), plate))

    def _suggest(self, job: PropagateJob, *, is_same: bool) -> None:
        """Fill in the settings of a job; the colour space is that of the plate as it is now."""
        for knob, value in (
            (self._preset, job.preset),
            (self._weights, job.weights),
            (self._device, job.device),
        ):
            _choose(knob, value or BY_PRESET)
        values, more = split_settings(job.settings)
        self._settings.fill(values)
        set_text(self._more, more)
        if not is_same:
            return
        set_text(self._range, job.range)
        set_file(self._out, job.out)
        frames = sorted({frame for source in job.sources for frame in source.frames})
        listed = [source for source in job.sources if not source.follows_keys]
        if listed and all(list(source.frames) == frames for source in job.sources):
            self._when.setValue(LISTED)
            self._frames.setEnabled(True)
            set_text(self._frames, format_frame_range(frames))


def _object_knob(number: int, source: KeyframeSource) -> nuke.String_Knob:
    """Return the field for the name of an object; its label, which Nuke evaluates, is the name of the node."""
    knob = nuke.String_Knob(f"object_{number}", source.node)
    knob.setTooltip(_OBJECT)
    set_text(knob, source.object_name)
    return knob


def _buttons() -> list[nuke.Knob]:
    buttons = [
        nuke.PyScript_Knob(name, label)
        for name, label in zip(_ACTIONS, ("Propagate", "take from selection", "close"))  # noqa: B905
    ]
    buttons[0].setFlag(nuke.STARTLINE)
    return [*buttons]


def _field(knob: nuke.Knob) -> str:
    """Return how error messages name a knob of the panel."""
    return f"{_PLACE}, {knob.label()}"


def _chosen(knob: nuke.Enumeration_Knob) -> str:
    return "" if knob.value() == BY_PRESET else str(knob.value())


def _choose(knob: nuke.Enumeration_Knob, name: str) -> None:
    """Select an entry of a menu, which is added if the worker has not yet been asked for it."""
    if name not in knob.values():
        knob.setValues([*knob.values(), name])
    knob.setValue(name)


def _refill(knob: nuke.Enumeration_Knob, names: list[str]) -> None:
    """Set the entries of a menu; the selected one stays, even if it is not among them."""
    chosen = knob.value()
    knob.setValues(names if chosen in names else [*names, chosen])
    knob.setValue(chosen)


def _names(choices: Sequence[Choice]) -> list[str]:
    return [choice.name for choice in choices]
