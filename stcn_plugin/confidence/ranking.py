"""The frames to look at, and the frames whose correction would help most."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from stcn_plugin.confidence.series import Series

DOUBTFUL = 0.7
"""Confidence below which a frame is doubtful."""

_SPACING = 20
"""Frames named are at least one twentieth of the shot apart."""

_BESIDE = 3
"""No keyframe is suggested closer to another one, unless there is nothing else between two keyframes."""


def doubtful(series: Series) -> tuple[int, ...]:
    """Return the doubtful frames of an object, ascending."""
    return tuple(index for index, value in series.confidence.items() if value < DOUBTFUL)


def worst(confidence: Mapping[int, float], length: int, *, most: int) -> tuple[int, ...]:
    """Return the frames with the least confidence, worst first, spread over the shot.

    Args:
        confidence: Index to confidence. Keyframes, with 1, are left out.
        length: Frames in the shot.
        most: Number of frames.
    """
    ordered = sorted((index for index, value in confidence.items() if value < 1), key=lambda index: confidence[index])
    return spread(ordered, length, most=most)


def spread(ordered: Iterable[int], length: int, *, most: int) -> tuple[int, ...]:
    """Return the first frames that are not too close to one another."""
    chosen: list[int] = []
    for index in ordered:
        if len(chosen) < most and all(abs(index - each) >= max(1, length // _SPACING) for each in chosen):
            chosen.append(index)
    return tuple(chosen)


def next_keyframes(all_series: Sequence[Series], length: int, *, most: int) -> tuple[int, ...]:
    """Return the frames whose correction would help most, best first, spread over the shot.

    The gain of a keyframe is the expected error that it removes: all of its own frame's, and of others' as much as the passes
    come from nearer keyframes. Where less of the object is to be seen on the keyframe than on another frame, the new pass
    makes an error there. After each chosen frame, its gain is taken away from the errors.

    Args:
        all_series: All objects.
        length: Frames in the shot.
        most: Number of frames.
    """
    errors = [{index: 1 - value for index, value in series.confidence.items()} for series in all_series]
    chosen: list[int] = []
    while len(chosen) < most:
        gains: dict[int, float] = {}
        for series, error in zip(all_series, errors, strict=True):
            for index in error:
                gains[index] = gains.get(index, 0.0) + sum(_gains(series, error, index, chosen).values())
        allowed = spread([*chosen, *sorted(gains, key=lambda index: -gains[index])], length, most=len(chosen) + 1)
        if len(allowed) == len(chosen) or gains[allowed[-1]] <= _LEAST_GAIN:
            break
        for series, error in zip(all_series, errors, strict=True):
            for other, gain in _gains(series, error, allowed[-1], chosen).items():
                error[other] -= gain
        chosen.append(allowed[-1])
    return tuple(chosen)


_LEAST_GAIN = 0.1
"""Gain below which no keyframe is suggested, in frames that turn from wrong to right."""

_MISSING = 0.2
"""Error of a pass for all of an object that its keyframe does not show; the network finds some of it by itself."""


def _gains(series: Series, error: Mapping[int, float], index: int, chosen: Sequence[int]) -> dict[int, float]:
    """Return the frames that a keyframe changes, with the error that it removes; negative if it adds some."""
    present = next((each for each in series.present if index in each), None)
    if present is None or index not in error or index in series.keyframes or index in chosen:
        return {}
    area = series.figures[index].area
    if not area or _is_beside_keyframe(series, index, present):  # without a matte, it may be hidden
        return {}
    before, after = series.neighbours(index)
    stops = [each for each in chosen if each in present]
    low = max([each for each in (before, *stops) if each is not None and each < index], default=None)
    high = min([each for each in (after, *stops) if each is not None and each > index], default=None)
    found = {}
    for other, its_error in error.items():
        if other not in present or (low is not None and other <= low) or (high is not None and other >= high):
            continue
        near, far, end = (low, high, present.stop) if other > index else (high, low, present.start - 1)
        missing = max(0.0, 1 - area / its_area) if (its_area := series.figures[other].area) else 0.0
        weight = 1.0 if far is None else abs(far - other) / abs(far - index)
        found[other] = _removed(index, other, near=near, far=far, end=end) * its_error - _MISSING * missing * weight
    return found


def _removed(index: int, other: int, *, near: int | None, far: int | None, end: int) -> float:
    """Return the share of a frame's error that a keyframe removes.

    The error of a pass grows with the distance from the keyframe that it comes from. The new keyframe takes the place of the
    one on its other side. If there is none, a pass from the new keyframe joins the one that has reached the frame so far.

    Args:
        index: The new keyframe.
        other: The frame.
        near: The keyframe on the other side of the new one.
        far: The keyframe beyond the frame.
        end: The end of the range beyond the frame.
    """
    if other == index:
        return 1.0
    if near is None:
        return 1 - abs(other - index) / abs((end if far is None else far) - index)
    nearer = abs(index - near) / abs(other - near)
    return nearer if far is None else nearer * abs(far - other) / abs(far - near)


def _is_beside_keyframe(series: Series, index: int, present: range) -> bool:
    """Whether a keyframe is close although there are frames farther from it."""
    before, after = series.neighbours(index)
    low, high = present.start - 1 if before is None else before, present.stop if after is None else after
    if high - low <= 2 * _BESIDE:
        return False
    return any(each is not None and abs(index - each) < _BESIDE for each in (before, after))
