"""LOHO's fast profile: what it leaves out, by whose losses, and that nothing else differs from LOHO."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.inputs import ROLES
from loho_bench.methods.loho.fast.method import LohoFast
from loho_bench.methods.loho.fast.phases import Phase, phases
from loho_bench.methods.loho.fast.plateau import PlateauWatch, is_plateau
from loho_bench.methods.loho.fast.start import Bank, start_from
from loho_bench.methods.loho.method import Loho
from loho_bench.methods.loho.targets import Targets
from loho_bench.methods.results import ResultFolder
from loho_bench.settings.loho import EarlyStopSettings, LohoFastSettings, LohoSettings, StartSettings
from loho_bench.settings.project import Settings
from loho_bench.storage import read_table

COMMON = {
    "steps_stage_one": 10,
    "steps_stage_two": 10,
    "style_resolution": 32,
    "weights": {"structure": 1, "appearance": 1, "style": 100, "noise": 1},
}
OFF = {
    "iterations": 1.0,
    "rate": 1.0,
    "early_stop": {"tolerance": 0},
    "coarse_to_fine": {"stage_one": 0, "stage_two": 0},
    "start": {"portraits": 0},
}
STOPPING = {"early_stop": {"tolerance": 0.3, "window": 0.1}}
ACCELERATIONS = {
    "iterations": {"iterations": 0.5},
    "rate": {"rate": 2.0},
    "early stop": STOPPING,
    "coarse to fine": {"coarse_to_fine": {"stage_one": 0.5, "stage_two": 0.5}},
    "start": {"start": {"portraits": 8, "resolution": 16}},
}


def fast(resources, **changes) -> LohoFast:
    return LohoFast(LohoFastSettings(**(COMMON | OFF | changes)), resources)


def iterations_run(transfer) -> list[int]:
    return transfer.traces["face"].isfinite().sum(0).tolist()


def test_with_everything_off_it_is_loho(resources, batch):
    """Another loop, with an Adam for every tuple, and the same numbers to rounding."""
    paper = Loho(LohoSettings(**COMMON, trace_hair_iou_every=3), resources).transfer(batch)
    same = fast(resources, trace_hair_iou_every=3).transfer(batch)
    assert (same.images - paper.images).abs().max() < 1e-3
    assert (same.latents - paper.latents).abs().max() < 1e-3
    for name, trace in paper.traces.items():
        assert torch.allclose(same.traces[name], trace, rtol=1e-3, atol=1e-6, equal_nan=True), name


@pytest.mark.parametrize("name", ACCELERATIONS)
def test_each_acceleration_is_named_and_changes_the_result(resources, batch, name):
    found = fast(resources, **ACCELERATIONS[name]).transfer(batch)
    plain = fast(resources).transfer(batch)
    assert LohoFastSettings(**(OFF | ACCELERATIONS[name])).profile == "fast"
    assert LohoFastSettings(**OFF).profile == LohoSettings().profile == "paper"
    assert (found.latents - plain.latents).abs().max() > 1e-2


@pytest.mark.parametrize("name", ACCELERATIONS)
def test_a_tuple_does_not_depend_on_its_company(resources, batch, name):
    """Early stopping included: who leaves a phase first must not change what the others get."""
    method = fast(resources, **ACCELERATIONS[name])
    together, turned = method.transfer(batch), method.transfer(batch.select([2, 0]))
    assert (turned.images - together.images[[2, 0]]).abs().max() < 1e-3
    assert iterations_run(turned) == [iterations_run(together)[i] for i in (2, 0)]


def test_tuples_stop_by_themselves_and_end_on_the_fall_of_the_rate(resources, batch):
    method = fast(resources, **STOPPING)
    counts = iterations_run(method.transfer(batch))
    assert min(counts) < 20
    assert len(set(counts)) > 1, "a common count would say nothing about tuples of their own"
    finite = method.transfer(batch).traces["face"].isfinite()
    assert finite[15:].all(), "the last quarter of the schedule, in which the rate falls"


def test_phases_cover_the_schedule():
    settings = LohoFastSettings(
        steps_stage_one=80,
        steps_stage_two=60,
        coarse_to_fine={"stage_one": 0.75, "stage_two": 0.25},
        early_stop={"tolerance": 0.05, "window": 0.1},
    )
    assert phases(settings) == [
        Phase(0, 60, transfers=False, coarse=True, ends_stage=False, window=8),
        Phase(60, 80, transfers=False, coarse=False, ends_stage=True, window=8),
        Phase(80, 95, transfers=True, coarse=True, ends_stage=False, window=6),
        Phase(95, 105, transfers=True, coarse=False, ends_stage=False, window=6),
        Phase(105, 140, transfers=True, coarse=False, ends_stage=True, window=0),
    ]


def test_settings_are_shares_of_whatever_the_run_has():
    """The same settings halve the paper's 2000 iterations and the embedded networks' 140."""
    for one, two, rate in ((1000, 1000, 0.1), (80, 60, 0.03)):
        settings = LohoFastSettings(
            steps_stage_one=one, steps_stage_two=two, learning_rate=rate, iterations=0.5, rate=1.5
        )
        chosen = settings.as_run()
        assert (chosen.steps_stage_one, chosen.steps_stage_two) == (one // 2, two // 2)
        assert chosen.learning_rate == pytest.approx(1.5 * rate)
        assert chosen.as_run() == chosen
        watched = settings.model_copy(update={"early_stop": EarlyStopSettings(tolerance=0.05, window=0.1)})
        windows = [phase.window for phase in phases(watched.as_run())]
        assert set(windows) - {0} == {round(0.1 * n / 2) for n in (one, two)}


def test_a_plateau_is_a_share_of_the_fall():
    falling = [100.0, 60.0, 40.0, 30.0]
    assert not is_plateau(falling, 0.1)
    assert is_plateau([*falling, 28.0], 0.1)
    assert not is_plateau([*falling, 28.0], 0.02)
    assert is_plateau([x / 1000 for x in (*falling, 28.0)], 0.1), "whatever the unit"
    assert is_plateau([*falling, 31.0], 0.0001), "a loss that rises again"
    assert not is_plateau([100.0, 99.9], 0.1), "the first gain is all of the fall"
    assert not is_plateau([100.0, float("nan"), float("nan")], 0.1)


def test_the_watch_looks_at_whole_windows_of_each_tuple():
    watch = PlateauWatch(tuples=3, window=2, tolerance=0.1)
    losses = {0: [9.0, 5, 3, 1], 2: [9.0, 5, 4.9, 4.8]}
    seen = []
    for window in range(4):
        for wobble in (0.5, -0.5):
            values = torch.tensor([losses[0][window] + wobble, losses[2][window] + wobble])
            seen.append(watch.see(values, [0, 2]))
    assert seen == [[], [], [], [], [], [2], [], [2]]


def test_the_regression_finds_latents_that_portraits_are_linear_in():
    """Made linear portraits; half of every frame is hidden, and holds nonsense."""
    draw = torch.Generator().manual_seed(3)
    latents = torch.randn(40, 6, generator=draw)
    to_pixels = torch.randn(6, 3 * 8 * 8, generator=draw)
    portraits = (latents @ to_pixels).view(40, 3, 8, 8)
    bank = Bank(portraits - portraits.mean(0), latents - latents.mean(0), portraits.mean(0), latents.mean(0))
    wanted = torch.randn(2, 6, generator=draw)
    seen = (wanted @ to_pixels).view(2, 3, 8, 8)
    weights = torch.zeros(2, 1, 8, 8)
    weights[0, :, :4], weights[1, :, :, 4:] = 1.0, 0.5
    shown = torch.where(weights > 0, seen, 1e3)
    found = bank.regress(shown, weights, ridge=1e-6)
    assert torch.allclose(found, wanted, atol=1e-2)
    shrunk = bank.regress(shown, weights, ridge=1e6)
    assert torch.allclose(shrunk, latents.mean(0).expand(2, -1), atol=1e-2)


def test_the_bank_is_the_generators_portraits(resources):
    generator = resources.generator
    bank = Bank.of(generator, StartSettings(portraits=20, resolution=generator.size))
    w = (bank.latents[7] + bank.mean_latent).repeat(1, generator.num_latents, 1)
    assert torch.allclose(bank.portraits[7] + bank.mean_portrait, generator.synthesis(w)[0], atol=1e-4)


def test_the_start_is_nearer_to_a_portrait_of_the_generator(resources, batch):
    """Identity and structure are one portrait that is not in the bank; the background is not looked at."""
    generator = resources.generator
    draws = torch.randn(3, generator.style_dim, generator=torch.Generator().manual_seed(5))
    wanted = generator.mapping(draws)
    portrait = generator.synthesis(wanted[:, None].repeat(1, generator.num_latents, 1)).clamp(-1, 1)
    bank = Bank.of(generator, StartSettings(portraits=200, resolution=32))
    targets = Targets.of(batch, resources.lpips, 32, LohoSettings(style_resolution=32))
    # An appearance without hair: there is no colour to give to the structure's.
    plain = dataclasses.replace(batch, appearance_hair=torch.zeros_like(batch.appearance_hair))
    shown = dataclasses.replace(plain, identity=portrait, structure=portrait)
    found = start_from(bank, shown, targets, ridge=0.1)
    from_mean = (bank.mean_latent - wanted).norm(dim=1)
    assert ((found - wanted).norm(dim=1) < 0.8 * from_mean).all()
    known = targets.face_region + targets.hair_region
    nonsense = torch.where(known > 0, portrait, -portrait)
    again = start_from(
        bank, dataclasses.replace(plain, identity=nonsense, structure=nonsense), targets, ridge=0.1
    )
    assert torch.allclose(again, found, atol=1e-4)


def test_settings_that_cannot_be(resources):
    with pytest.raises(ValueError, match="joint"):
        LohoFastSettings(joint=True)


@pytest.mark.parametrize(
    ("method", "chosen", "profile"),
    [("loho", {}, "paper"), ("loho-fast", {}, "fast"), ("loho-fast", OFF, "paper"), ("paste", {}, "")],
)
def test_rows_name_the_profile(tmp_path, method, chosen, profile):
    spec = default_registry().get(method)
    folder = ResultFolder(tmp_path, spec, spec.configure(chosen), Settings())
    record = {"tuple_id": "easy-0001", "category": "easy"} | dict.fromkeys(ROLES, "00001")
    folder.write(folder.row(record), "fingerprint")
    folder.write_shard(["easy-0001"], tmp_path / "tuples-0000.parquet")
    assert read_table(tmp_path / "tuples-0000.parquet")["profile"].tolist() == [profile]
