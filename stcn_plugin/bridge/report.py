"""The result of a job, and its JSON. ``docs/reference/job-data.md`` is generated from the docstrings of the dataclasses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from stcn_plugin.bridge.assessment import Assessment
from stcn_plugin.bridge.build import Estimate, Plan
from stcn_plugin.bridge.fields import Fields

NOT_STATED = "not stated"
"""The licence of weights that state none."""


@dataclass(frozen=True)
class WeightsUsed:
    """The weights that a job used, with the licence that applies to its mattes.

    Args:
        name: Name in the weights store, or the name of the file.
        sha256: Hash of the file, hexadecimal.
        licence: The licence that the weights state; ``not stated`` if they state none.
        is_noncommercial: Whether the licence limits use to non-commercial work.
    """

    name: str
    sha256: str
    licence: str
    is_noncommercial: bool = False

    @property
    def text(self) -> str:
        """Name and licence in one line."""
        return f"{self.name}, licence{'' if self.licence == NOT_STATED else ':'} {self.licence}"

    @classmethod
    def from_json(cls, data: object) -> WeightsUsed:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "weights")
        return cls(
            name=fields.value("name", str),
            sha256=fields.value("sha256", str),
            licence=fields.value("licence", str),
            is_noncommercial=fields.value("is_noncommercial", bool),
        )


@dataclass(frozen=True)
class FlickerSummary:
    """What the stabiliser did to an object, on average over its frames.

    Args:
        name: Name of the object.
        frames: Number of frames.
        flicker: Root mean square of the change of alpha along the motion of the plate, in the band around the edge.
        strength: How strongly the object was stabilised, 0 to 1.
    """

    name: str
    frames: int
    flicker: float
    strength: float

    @classmethod
    def from_json(cls, data: object) -> FlickerSummary:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "what the stabiliser did")
        return cls(
            name=fields.value("name", str),
            frames=fields.value("frames", int),
            flicker=fields.value("flicker", float),
            strength=fields.value("strength", float),
        )


@dataclass(frozen=True)
class EdgeSummary:
    """What the refinement of edges did to an object, on average over its frames.

    Args:
        name: Name of the object.
        frames: Number of frames.
        band: Fraction of the frame that the band around the edge covers.
        change: Mean absolute change of alpha in the band.
        rejected: Fraction of the refinement of the band that was left out, because the refined matte explains the plate
            no better.
        hazy: Fraction of the band where alpha is grey over much more than the width of the keyframe's edge, although the
            plate has fine detail.
        doubtful: Fraction of the band that is hazy, where alpha is grey and does not follow the plate, or where the plate
            and the propagation disagree about a region.
    """

    name: str
    frames: int
    band: float
    change: float
    rejected: float
    hazy: float
    doubtful: float

    @classmethod
    def from_json(cls, data: object) -> EdgeSummary:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "what the refinement of edges did")
        return cls(
            name=fields.value("name", str),
            frames=fields.value("frames", int),
            band=fields.value("band", float),
            change=fields.value("change", float),
            rejected=fields.value("rejected", float),
            hazy=fields.value("hazy", float),
            doubtful=fields.value("doubtful", float),
        )


@dataclass(frozen=True)
class Report:
    """The result of a job.

    Args:
        objects: Object names.
        layers: Object name to the name of its layer. Characters that layer names cannot have are replaced.
        patterns: Object name to the absolute frame pattern of the files with its matte.
        layout: ``layers``, ``per_object`` or ``cryptomatte``.
        device: The device that the network ran on; ``none`` if it did not have to run.
        precision: The number format of the network; ``none`` if it did not have to run.
        files: All matte files that were written, frame by frame. Files that were up to date are not among them.
        frames: The frames that were written, ascending.
        first: First frame of the shot.
        last: Last frame of the shot.
        seconds: Seconds per stage: ``read``, ``network``, ``finish`` and ``write``. Reading and writing overlap with
            the network.
        contact_sheet: The contact sheet; ``None`` without overlays.
        shot_file: The shot file that was saved or run.
        warnings: Problems that did not affect the mattes, such as a studio plugin's hook that failed.
        weights: The weights that were used.
        plan: What there was to do, and why.
        estimate: What that needs; of a dry run only.
        flicker: What the stabiliser did to each object, in this run.
        edges: What the refinement of edges did to each object, in this run.
        assessment: Which frames to look at, and which keyframe to draw next; ``None`` without a cache and of a dry run.
    """

    objects: tuple[str, ...]
    layers: Mapping[str, str]
    patterns: Mapping[str, str]
    layout: str
    device: str
    precision: str
    files: tuple[str, ...] = ()
    frames: tuple[int, ...] = ()
    first: int = 0
    last: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)
    contact_sheet: str | None = None
    shot_file: str | None = None
    warnings: tuple[str, ...] = ()
    weights: WeightsUsed | None = None
    plan: Plan | None = None
    estimate: Estimate | None = None
    assessment: Assessment | None = None
    flicker: tuple[FlickerSummary, ...] = ()
    edges: tuple[EdgeSummary, ...] = ()

    @classmethod
    def from_json(cls, data: object) -> Report:
        """Read the JSON of `json_of`."""
        fields = Fields(data, "a report")
        weights, plan = fields.optional("weights", dict), fields.optional("plan", dict)
        estimate, assessment = fields.optional("estimate", dict), fields.optional("assessment", dict)
        return cls(
            objects=fields.strings("objects"),
            layers=fields.mapping("layers", str),
            patterns=fields.mapping("patterns", str),
            layout=fields.value("layout", str),
            device=fields.value("device", str),
            precision=fields.value("precision", str),
            files=fields.strings("files"),
            frames=fields.frames("frames"),
            first=fields.frame("first"),
            last=fields.frame("last"),
            seconds=fields.mapping("seconds", float),
            contact_sheet=fields.optional("contact_sheet", str),
            shot_file=fields.optional("shot_file", str),
            warnings=fields.strings("warnings"),
            weights=None if weights is None else WeightsUsed.from_json(weights),
            plan=None if plan is None else Plan.from_json(plan),
            estimate=None if estimate is None else Estimate.from_json(estimate),
            flicker=fields.list_of("flicker", FlickerSummary.from_json),
            edges=fields.list_of("edges", EdgeSummary.from_json),
            assessment=None if assessment is None else Assessment.from_json(assessment),
        )
