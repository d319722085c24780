"""Refinement of edges: the guided filter, the guard, and what stays exactly as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter

from stcn_plugin.matte.band import CELL, band_weights, edge_width, find_band, reach_of
from stcn_plugin.matte.finishing import finish
from stcn_plugin.matte.guard import Guard, pixels
from stcn_plugin.matte.guided import guided_filter
from stcn_plugin.matte.refinement import EdgeReport, ObjectEdge, Refiner, calibrated, levelled, to_probability
from stcn_plugin.matte.tiles import side_of_few
from stcn_plugin.network.edges import EdgeNetwork
from stcn_plugin.presets.matte import Matte
from stcn_plugin.response import KNOTS, Response
from stcn_plugin.weights.edges import load_edge_network


def disc(shape, centre, radius, width=1.0):
    """Return a disc whose edge is a ramp of a width in pixels."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    distance = radius - np.hypot(rows - centre[0], columns - centre[1])
    return np.clip(distance / width + 0.5, 0, 1).astype(np.float32)


@pytest.fixture(scope="module")
def scene():
    """A hard disc over a background of another colour, its exact alpha, and a coarse probability four times as soft."""
    shape = (400, 520)
    alpha = disc(shape, (190, 260), 110)
    rng = np.random.default_rng(3)
    front = np.float32([0.8, 0.3, 0.2]) + rng.normal(0, 0.01, (*shape, 3)).astype(np.float32)
    behind = np.float32([0.2, 0.4, 0.5]) + rng.normal(0, 0.01, (*shape, 3)).astype(np.float32)
    plate = (alpha[..., None] * front + (1 - alpha[..., None]) * behind).clip(0, 1)
    coarse = gaussian_filter(disc(shape, (191, 262), 111), 4.0)
    return plate, alpha, coarse


class Whatever(EdgeNetwork):
    """A network that returns a given alpha, from the plate's first channel by default."""

    def forward(self, rgb, probability, conditions):
        return rgb[:, :1]


def refine(plate, coarse, edges, network=None, *, enlargement=3.0, width=2.0):
    """Refine one object."""
    refiner = Refiner(network)
    refined, reports = refiner.refine(
        coarse[None], lambda rows, columns: plate[rows, columns], [ObjectEdge(edges, enlargement, width)]
    )
    return refined[0], reports[0]


def matte_of(probability):
    """Return the matte after the default matte levels."""
    return finish(torch.from_numpy(probability.copy())[None], settings=[Matte()])[0].numpy()


@pytest.mark.parametrize("width", [1.0, 3.0, 12.0, 40.0])
def test_edge_width_is_the_width_of_a_ramp(width):
    """Within 8 %, for an edge in every direction."""
    assert edge_width(disc((400, 400), (200, 200), 120, width)) == pytest.approx(width, rel=0.08, abs=0.2)


def test_edge_width_without_an_edge_is_1():
    for value in (0.0, 1.0):
        assert edge_width(np.full((20, 30), value, np.float32)) == 1.0


@pytest.mark.parametrize("alpha", [0.0, 0.001, 0.25, 0.5, 0.999, 1.0])
def test_default_levels_of_a_refined_probability_are_alpha(alpha):
    """0 and 1 exactly, whatever the probability was."""
    before = torch.linspace(0, 1, 101)
    after = to_probability(torch.full_like(before, alpha), before)
    found = matte_of(after[None].numpy())
    if alpha in (0.0, 1.0):
        assert (found == alpha).all()
    else:
        np.testing.assert_allclose(found, alpha, rtol=0, atol=1e-6)


def test_clear_and_solid_keep_their_probability():
    """So that lower or higher matte levels still find what was there."""
    before = torch.tensor([0.0, 0.1, 0.9, 1.0])
    assert to_probability(torch.tensor([0.0, 0.0, 1.0, 1.0]), before).tolist() == before.tolist()


def test_off_changes_no_byte(scene):
    plate, _, coarse = scene
    refined, report = refine(plate, coarse, "off")
    assert refined.tobytes() == coarse.tobytes()
    assert report == EdgeReport()


@pytest.mark.parametrize("edges", ["guided", "network"])
def test_a_band_of_single_cells_changes_nothing(edges):
    """Nothing is well inside such a band, as of an edge that the network saw at plate resolution."""
    probability = np.zeros((64, 96), np.float32)
    probability[20, 30] = 0.5
    network = load_edge_network() if edges == "network" else None
    refined, report = refine(np.full((64, 96, 3), 0.5, np.float32), probability, edges, network, enlargement=1, width=1)
    np.testing.assert_array_equal(refined, probability)
    assert report == EdgeReport()


@pytest.mark.parametrize("edges", ["guided", "network"])
def test_core_and_background_are_untouched(scene, edges):
    """Beyond the band every byte is the same; after the matte levels, core is 1 and background 0."""
    plate, alpha, coarse = scene
    refined, report = refine(plate, coarse, edges, load_edge_network())
    far = distance_transform_edt((coarse < 0.06) | (coarse > 0.94)) > reach_of(3.0, 2.0).outwards + 2 * CELL
    assert 0.3 < far.mean() < 0.9
    assert refined[far].tobytes() == coarse[far].tobytes()
    matte = matte_of(refined)
    assert (matte[far & (alpha == 1)] == 1).all() and (matte[far & (alpha == 0)] == 0).all()
    assert 0.02 < report.band < 0.4


@pytest.mark.parametrize(("edges", "left"), [("guided", 0.4), ("network", 0.4)])
def test_refined_edge_is_nearer_to_the_truth(scene, edges, left):
    """Of the squared error of the enlarged matte, less than half remains."""
    plate, alpha, coarse = scene
    refined, report = refine(plate, coarse, edges, load_edge_network())
    before, after = (((matte_of(each) - alpha) ** 2).mean() for each in (coarse, refined))
    assert after < left * before
    assert report.rejected < 0.1
    assert report.change > 0.01


def test_guided_filter_finds_a_matte_that_is_linear_in_colour():
    """Its model holds exactly, except for the regularisation."""
    ramp = np.linspace(0.2, 0.8, 96, dtype=np.float32)
    alpha = torch.from_numpy(np.tile(ramp, (64, 1)))
    colours = torch.tensor([[0.1, 0.5, 0.9], [0.7, 0.2, 0.3]])[:, :, None, None]
    rgb = alpha * colours[0] + (1 - alpha) * colours[1]
    found = guided_filter(rgb, alpha, enlargement=2.0)
    np.testing.assert_allclose(found * 0.9 + 0.05, alpha, rtol=0, atol=0.02)


def test_network_needs_a_network(scene):
    plate, _, coarse = scene
    with pytest.raises(ValueError, match="has none"):
        refine(plate, coarse, "network")


def test_guard_rejects_a_matte_that_does_not_follow_the_plate(scene):
    """Of stripes over the edge, which would change alpha by about 0.5, less than 6 % is left; the report says so."""
    plate, _, coarse = scene

    class Stripes(EdgeNetwork):
        def forward(self, rgb, probability, conditions):
            columns = torch.arange(probability.shape[-1]) // 6 % 2
            return columns.float().expand_as(probability)

    refined, report = refine(plate, coarse, "network", Stripes())
    assert report.rejected > 0.9
    assert report.change < 0.03
    assert np.abs(matte_of(refined) - matte_of(coarse)).mean() < 0.005


@pytest.mark.parametrize("edges", ["network", "guided"])
@pytest.mark.parametrize(("level", "grain", "most"), [(0.0, 0.0, 1e-3), (0.5, 0.0, 1e-3), (0.5, 0.02, 0.1)])
def test_an_edge_that_cannot_be_seen_is_left_alone(scene, edges, level, grain, most):
    """On a plate without contrast, a refined matte explains as much as the one before: nothing."""
    _, _, coarse = scene
    noise = np.random.default_rng(4).normal(0, grain, (*coarse.shape, 3))
    plate = (level + noise).clip(0, 1).astype(np.float32)
    network = load_edge_network() if edges == "network" else None
    refined, report = refine(plate, coarse, edges, network)
    assert np.abs(matte_of(refined) - matte_of(coarse)).max() < most
    assert report.rejected > 0.9


def judged(rgb, unrefined, refined, *, enlargement=3.0):
    """Return the verdict on a whole frame, and the matte to use."""
    height, width = refined.shape
    part = slice(0, height), slice(0, width)
    guard = Guard((-(-height // CELL), -(-width // CELL)))
    guard.add(part, rgb, unrefined, refined)
    verdict = guard.verdict(enlargement)
    return verdict, verdict.apply(part, unrefined, refined)


def test_faint_dirt_and_faint_holes_are_cleaned(scene):
    """Where the propagation is sure, 0.05 more or less is none; where it is not, it stays. Core is exactly 1."""
    plate, _, coarse = scene

    class Dirty(EdgeNetwork):
        def forward(self, rgb, probability, conditions):
            return 0.05 + 0.9 * levelled(probability)

    refined, report = refine(plate, coarse, "network", Dirty())
    before, after = matte_of(coarse), matte_of(refined)
    assert report.change > 0.001
    assert (after[before == 0] == 0).all() and (after[before == 1] == 1).all()
    assert np.abs(after - before)[(before > 0.3) & (before < 0.7)].max() < 0.05


def test_guard_accepts_the_truth(scene):
    """Where the two mattes differ, at least 97 % of the difference."""
    plate, alpha, coarse = scene
    unrefined, truth = levelled(torch.from_numpy(coarse)), torch.from_numpy(alpha)
    verdict, found = judged(torch.from_numpy(plate).permute(2, 0, 1), unrefined, truth)
    assert float((found - truth).abs().sum()) < 0.03 * float((unrefined - truth).abs().sum())
    assert float(verdict.doubtful.mean()) == 0.0


def test_grey_haze_that_the_plate_does_not_explain_is_doubtful():
    """A matte of 0.5 over a fine pattern is neither solid nor clear, and no mixture of two colours."""
    rng = np.random.default_rng(2)
    pattern = np.kron(rng.random((40, 40)), np.ones((4, 4))).astype(np.float32)
    rgb = torch.from_numpy(np.stack([pattern, pattern, pattern]))
    haze = torch.full((160, 160), 0.5)
    assert float(judged(rgb, haze, haze)[0].doubtful.mean()) > 0.95
    assert float(judged(rgb, haze, torch.from_numpy(pattern).round())[0].doubtful.mean()) < 0.05


@pytest.mark.parametrize("enlargement", [1.0, 4.5])
def test_a_nearly_lost_part_is_neither_deleted_nor_made_solid(enlargement):
    """A region of 0.4, much larger than details, keeps its mean, although an edge around it would explain the plate."""
    inside = torch.from_numpy(disc((640, 640), (320, 320), 220))
    rgb = inside * torch.tensor([0.8, 0.3, 0.2])[:, None, None] + 0.1
    haze = 0.4 * inside
    for refined in (torch.zeros_like(haze), inside):
        verdict, found = judged(rgb, haze, refined, enlargement=enlargement)
        middle = slice(200, 440), slice(200, 440)
        assert float((found - haze)[middle].abs().max()) < 0.01
        assert float(pixels(verdict.doubtful, middle).min()) > 0.99


def test_detail_that_keeps_the_mean_is_accepted():
    """Spokes in a grey haze become sharp."""
    spokes = (torch.arange(320) // 4 % 2).float().expand(320, 320)
    rgb = torch.stack([spokes, spokes, 0.5 * spokes])
    _, found = judged(rgb, torch.full_like(spokes, 0.5), spokes)
    assert float((found - spokes).abs().mean()) < 0.02


def test_solid_core_and_clear_background_survive_the_guard():
    """Where both mattes are exactly 0 or exactly 1, so is the result, also beside a change of the mean."""
    unrefined = torch.zeros(320, 320)
    unrefined[:, 160:200], unrefined[:, 200:] = 0.6, 1
    rgb = unrefined.expand(3, -1, -1)
    for value in (0.0, 1.0):
        refined = unrefined.clone()
        refined[:, 160:200] = value
        verdict, found = judged(rgb, unrefined, refined, enlargement=1.0)
        assert float(verdict.excess.abs().max()) > 0.1
        assert (found[:, :160] == 0).all() and (found[:, 200:] == 1).all()


def test_verdict_does_not_depend_on_tiles(scene):
    """A frame that is added in parts, in any order, has the same verdict to within rounding."""
    plate, alpha, coarse = scene
    rgb, unrefined, refined = (
        torch.from_numpy(plate).permute(2, 0, 1),
        torch.from_numpy(coarse),
        torch.from_numpy(alpha),
    )
    whole, _ = judged(rgb, unrefined, refined)
    guard = Guard(whole.accepted.shape)
    for rows in (slice(240, 400), slice(0, 240)):
        for columns in (slice(0, 80), slice(80, 520)):
            guard.add((rows, columns), rgb[:, rows, columns], unrefined[rows, columns], refined[rows, columns])
    parts = guard.verdict(3.0)
    for name in ("excess", "accepted", "doubtful"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), atol=1e-5, err_msg=name)


def test_cells_enlarged_in_parts_fit_together():
    cells = torch.rand(9, 12, generator=torch.Generator().manual_seed(4))
    whole = pixels(cells, (slice(0, 70), slice(0, 96)))
    assert whole.shape == (70, 96)
    part = slice(16, 70), slice(40, 88)
    assert torch.equal(pixels(cells, part), whole[part])
    assert float(whole[:4, :4].max()) == pytest.approx(float(cells[0, 0]))


def test_network_computes_on_its_device(scene):
    """Everything that it reads is there, and its result comes back: without a GPU, the device without memory is used."""
    plate, _, coarse = scene
    devices = []

    class Elsewhere(EdgeNetwork):
        def forward(self, rgb, probability, conditions):
            devices.extend(each.device.type for each in (rgb, probability, conditions))
            assert super().forward(rgb, probability, conditions).device.type == "meta"
            return torch.zeros(probability.shape)

    with torch.device("meta"):
        network = Elsewhere()
    refine(plate, coarse, "network", network)
    assert set(devices) == {"meta"}


def test_bfloat16_reads_few_sizes_and_refines_alike(scene):
    """Because a new size is slow in bfloat16. In float32, tiles are as large as needed."""
    plate, alpha, coarse = scene
    sizes = {torch.float32: set(), torch.bfloat16: set()}
    results = {}

    class Noting(EdgeNetwork):
        def forward(self, rgb, probability, conditions):
            sizes[self.stem.weight.dtype].add(tuple(rgb.shape[2:]))
            return super().forward(rgb, probability, conditions)

    for precision in sizes:
        network = Noting()
        network.load_state_dict(load_edge_network().state_dict())
        results[precision], _ = refine(plate, coarse, "network", network.to(precision))
    assert all(side_of_few(side) == side for size in sizes[torch.bfloat16] for side in size)
    assert any(side_of_few(side) != side for size in sizes[torch.float32] for side in size)
    mattes = [matte_of(results[precision]) for precision in sizes]
    assert np.abs(mattes[0] - mattes[1]).mean() < 1e-3
    assert all(np.abs(matte - alpha).mean() < 0.4 * np.abs(matte_of(coarse) - alpha).mean() for matte in mattes)


def test_objects_are_refined_independently(scene):
    """An object has the same bytes alone and beside another; one may be off."""
    plate, _, coarse = scene
    other = np.ascontiguousarray(coarse[:, ::-1])
    network = load_edge_network()
    alone, report = refine(plate, coarse, "network", network)
    both, reports = Refiner(network).refine(
        np.stack([other, coarse]),
        lambda rows, columns: plate[rows, columns],
        [ObjectEdge("off", 3.0), ObjectEdge("network", 3.0, 2.0)],
    )
    assert both[0].tobytes() == other.tobytes()
    assert both[1].tobytes() == alone.tobytes()
    assert reports == (EdgeReport(), report)


def test_tiles_leave_no_seams(scene):
    """Tiles give what the network gives for the whole frame, to within 0.02 on average of the worst line."""
    plate, _, coarse = scene
    network = load_edge_network()
    height, width = coarse.shape
    rgb = torch.from_numpy(np.pad(plate, ((0, -height % 16), (0, -width % 16), (0, 0)), mode="edge"))
    padded = torch.from_numpy(np.pad(coarse, ((0, -height % 16), (0, -width % 16)), mode="edge"))
    with torch.inference_mode():
        whole = network(rgb.permute(2, 0, 1)[None], padded[None, None], torch.tensor([[3.0, 2.0]]))
    whole = whole[0, 0, :height, :width].sub(0.01).div(0.98).clamp(0, 1).numpy()
    refined, report = refine(plate, coarse, "network", network)
    sure = band_weights(find_band(coarse, reach_of(3.0, 2.0)), (slice(0, height), slice(0, width))) == 1
    difference = np.where(sure, np.abs(matte_of(refined) - whole), 0)
    assert report.rejected < 0.1
    lines = np.maximum(difference.sum(0) / np.maximum(sure.sum(0), 1), 0)
    assert np.median(lines) < 0.005
    assert lines.max() < 0.1


SQUARED = Response(tuple((np.linspace(0, 1, KNOTS) ** 2).tolist()))


def test_calibrated_probabilities_have_the_alpha_of_the_response():
    """After the default matte levels; clear and solid ones stay certain, and nothing falls."""
    probability = np.linspace(0, 1, 1001, dtype=np.float32)[None]
    clipped = Response(tuple(np.clip(np.linspace(-0.5, 1.5, KNOTS), 0, 1).tolist()))
    for response in (SQUARED, clipped):
        found = calibrated(probability, response)
        np.testing.assert_allclose(matte_of(found.numpy()), response(probability), atol=1e-6)
        assert (found.diff() >= -1e-7).all()
        assert (float(found[0, 0]), float(found[0, -1])) == (0, 1)
    assert torch.equal(calibrated(probability, None), torch.from_numpy(probability))


def test_the_network_starts_from_the_response():
    """With a network that changes nothing, the right response corrects a soft edge; of a wrong one, the guard takes little."""
    shape = (240, 240)
    alpha = disc(shape, (120, 120), 70, width=40)
    front, behind = np.float32([0.8, 0.3, 0.2]), np.float32([0.2, 0.4, 0.5])
    plate = alpha[..., None] * front + (1 - alpha[..., None]) * behind
    network = load_edge_network()
    for head in (network.heads, network.colour_model):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.zeros_(head.bias)
    refiner = Refiner(network)

    def error(coarse, response):
        edge = ObjectEdge("network", 3.0, 40.0, response)
        refined, _ = refiner.refine(coarse[None], lambda rows, columns: plate[rows, columns], [edge])
        weight = band_weights(find_band(coarse, reach_of(3.0, 40.0)), (slice(0, 240), slice(0, 240)))
        np.testing.assert_array_equal(refined[0][weight == 0], coarse[weight == 0])
        return float(np.abs(matte_of(refined[0]) - alpha).mean())

    bright = np.sqrt(alpha)
    assert error(bright, SQUARED) < 0.5 * error(bright, None)
    right = 0.15 + 0.7 * alpha
    right[alpha == 0], right[alpha == 1] = 0, 1
    steep = Response(tuple(np.clip(4 * np.linspace(0, 1, KNOTS) - 2.5, 0, 1).tolist()))
    assert error(right, steep) < 0.2 * float(np.abs(steep(right) - alpha).mean())
