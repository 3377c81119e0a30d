"""The comparisons on the official implementations' numbers, and on a small folder with other sizes."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest
import torch
from miniature_reference import ROUNDS, write_reference
from safetensors.torch import load_file, save_file

from loho_bench.cli import main
from loho_bench.parity import michigan
from loho_bench.parity.catalogue import COMPONENTS, chosen_components
from loho_bench.parity.reference import Reference
from loho_bench.parity.run import Outcome, run

SLOW = {"losses", "stylegan2", "graphonomy", "loop", "michigan"}
NETWORKS = {"stylegan2", "stylegan2-nvidia", "losses", "graphonomy", "loop", "michigan"}
ELSEWHERE = NETWORKS | {"orientation"}  # need the official numbers


def outcome_of(folder, *names: str) -> Outcome:
    return run(Reference(folder), chosen_components(list(names)))


@pytest.mark.parametrize(
    "component",
    [pytest.param(c, marks=[pytest.mark.slow] * (c.name in SLOW), id=c.name) for c in COMPONENTS],
)
def test_official_numbers(golden, component):
    outcome = run(Reference(golden), [component])
    assert outcome.comparisons
    assert [one for one in outcome.comparisons if not one.ok] == []
    assert {one.component for one in outcome.comparisons} == {component.name}


def test_other_names_and_fewer_cases_are_taken_as_they_come(golden, tmp_path):
    """Names come from params.json: a folder with renamed, fewer files is compared as well."""
    parameters = json.loads((golden / "params.json").read_text())
    for folder in ("stylegan2_rosinality", "stylegan2_nvidia"):
        (tmp_path / folder).mkdir()
    source, target = golden / "stylegan2_rosinality", tmp_path / "stylegan2_rosinality"
    names = parameters["stylegan2_rosinality"]["reduced"]
    shutil.copy(source / names["checkpoint"], target / "weights.pt")
    io = load_file(source / names["io"])
    kept = ("z", "w_from_z", "wplus", "img_wplus_constnoise", "latent_mean")
    psi = {"img_z_trunc05": io["img_z_trunc05"]}
    save_file({name: io[name] for name in kept} | psi, target / "numbers.safetensors")
    entry = {"checkpoint": "weights.pt", "io": "numbers.safetensors"}
    source, target = golden / "stylegan2_nvidia", tmp_path / "stylegan2_nvidia"
    nvidia = {key: f"{key}-file" for key in parameters["stylegan2_nvidia"]["sg3"]}
    for key, name in parameters["stylegan2_nvidia"]["sg3"].items():
        shutil.copy(source / name, target / nvidia[key])
    written = {"stylegan2_rosinality": {"mine": entry}, "stylegan2_nvidia": {"theirs": nvidia}}
    (tmp_path / "params.json").write_text(json.dumps(written))
    outcome = outcome_of(tmp_path, "stylegan2", "stylegan2-nvidia", "losses")
    assert outcome.ok, [one for one in outcome.comparisons if not one.ok]
    cases = [one.case for one in outcome.comparisons if one.component == "stylegan2"]
    assert len(cases) == 3
    assert all("mine, checkpoint" in case for case in cases)
    assert outcome.absent == ("losses",)


@pytest.fixture(scope="module")
def miniature(tmp_path_factory):
    return write_reference(tmp_path_factory.mktemp("reference") / "values")


def test_a_folder_with_other_sizes_and_names(miniature):
    outcome = outcome_of(miniature)
    assert outcome.ok, [one for one in outcome.comparisons if not one.ok]
    assert set(outcome.absent) == ELSEWHERE
    assert set(outcome.seconds) == {c.name for c in COMPONENTS} - ELSEWHERE
    count = {name: sum(one.component == name for one in outcome.comparisons) for name in outcome.seconds}
    # Two rates and two noises; five samples; a file with two overlaps and one without; one case of one sample
    # (value, per map, gradients, normalised) and one of two (normalised alone); two pairs; one distance.
    assert count == {
        "schedules": 4,
        "projection": 5,
        "masks": 6,
        "noise": 5,
        "image-scores": 8,
        "frechet": 2,
    }
    assert any(f"dilated by {ROUNDS}" in one.case for one in outcome.comparisons)
    assert any("mix samples" in one.note for one in outcome.comparisons)


@pytest.mark.parametrize(
    ("component", "file", "entry"),
    [
        ("schedules", "schedules.npz", "lr_1"),
        ("schedules", "schedules.npz", "latent_noise_factor_ramp0.5_noise0.125"),
        ("masks", "masks_40.npz", "hair_eroded_packed"),
        ("masks", "masks_40.npz", "face_iou"),
        ("masks", "masks_synthetic.npz", "dilated"),
        ("projection", "gradient_orthogonalisation.safetensors", "projected_per_sample"),
        ("noise", "noise_losses.safetensors", "small.regularize"),
        ("noise", "noise_losses.safetensors", "small.grad_1"),
        ("noise", "noise_losses.safetensors", "pair.normalized_3"),
        ("image-scores", "metrics_images.npz", "ssim_map_uniform7_1"),
        ("frechet", "metrics_frechet.npz", "usual.mu1"),
    ],
)
def test_one_wrong_value_is_found(miniature, tmp_path, component, file, entry):
    """The first entry of one tensor is spoilt: exactly the comparisons that use it fail."""
    folder = shutil.copytree(miniature, tmp_path / "spoilt")
    path = folder / file
    if path.suffix == ".npz":
        with np.load(path) as stored:
            arrays = dict(stored)
        value = arrays[entry]
        flat = value.reshape(-1)
        if flat.dtype.kind == "f":
            flat[0] += 0.01
        else:
            flat[0] = np.bitwise_xor(flat[0], flat.dtype.type(1))
        np.savez(path, **arrays)
    else:
        tensors = load_file(path)
        tensors[entry].view(-1)[0] += 0.01
        save_file(tensors, path)
    outcome = outcome_of(folder, component)
    wrong = [one for one in outcome.comparisons if not one.ok]
    assert 1 <= len(wrong) < len(outcome.comparisons) or component == "frechet"
    assert wrong
    assert not outcome.ok
    assert outcome.closing_line().startswith(f"{outcome.passed} of {len(outcome.comparisons)} within")
    assert wrong[0].component in outcome.closing_line()


@pytest.mark.parametrize(
    ("entry", "case"), [("crop.filter_bank", "filters"), ("orient_rgb.output_u8", "colours")]
)
def test_one_wrong_value_of_an_orientation_map_is_found(golden, tmp_path, entry, case):
    with np.load(golden / "michigan" / "orientation.npz") as stored:
        values = dict(stored)
    values[entry].flat[0] += 1
    (tmp_path / "michigan").mkdir()
    np.savez(tmp_path / "michigan" / "orientation.npz", **values)
    (tmp_path / "params.json").write_text("{}")
    outcome = outcome_of(tmp_path, "orientation")
    assert [one.case for one in outcome.comparisons if not one.ok] == [case]


@pytest.mark.slow
def test_a_wrong_pixel_of_an_inpainted_map_is_found(golden, tmp_path):
    shutil.copytree(golden / "michigan", tmp_path / "michigan", copy_function=shutil.copyfile)
    shutil.copyfile(golden / "params.json", tmp_path / "params.json")
    path = tmp_path / "michigan" / "inpainting_direct_48.safetensors"
    values = load_file(path)
    values["netSIG_out"].view(-1)[0] += 0.01
    save_file(values, path)
    found = {}
    for one in michigan.compare(Reference(tmp_path)):
        found[one.case] = one.ok
        if one.case == "netSIG on noise":  # the whole inference, which follows, takes longer
            break
    assert [case for case, ok in found.items() if not ok] == ["netSIG on noise"]


def command(capsys, *words: str) -> tuple[int, str, str]:
    try:
        main(["--quiet", "parity", *words])
        code = 0
    except SystemExit as leaving:
        code = leaving.code or 0
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_command_prints_a_table_and_writes_files(miniature, tmp_path, capsys):
    files = [tmp_path / "out" / "parity.json", tmp_path / "out" / "parity.csv"]
    code, out, _ = command(capsys, str(miniature), "--json", str(files[0]), "--csv", str(files[1]))
    assert code == 0
    lines = out.strip().splitlines()
    assert lines[0].split() == ["component", "case", "absolute", "relative", "tolerance", "measure", "ok"]
    assert "30 of 30 within tolerance (worst: " in lines[-1]
    assert "loop: not in this folder" in lines
    written = json.loads(files[0].read_text())
    assert (written["passed"], written["total"]) == (30, 30)
    assert set(written["not_in_this_folder"]) == ELSEWHERE
    assert all(seconds >= 0 for seconds in written["seconds"].values())
    assert len(files[1].read_text().splitlines()) == 31
    code, out, _ = command(
        capsys, str(miniature), "--only", "masks", "--only", "frechet", "--format", "markdown"
    )
    assert code == 0
    assert "| masks | share unequal | 0 | 6 | 0 | – |" in out
    assert out.strip().splitlines()[-1].startswith("8 of 8 within tolerance")


def test_command_leaves_with_1_when_a_value_is_off(miniature, tmp_path, capsys):
    folder = shutil.copytree(miniature, tmp_path / "off")
    values = json.loads((folder / "metrics_values.json").read_text())
    values["image_pairs"][0]["psnr"] *= 1 + 1e-6
    (folder / "metrics_values.json").write_text(json.dumps(values))
    code, out, _ = command(capsys, str(folder), "--only", "image-scores")
    assert code == 1
    last = out.strip().splitlines()[-1]
    assert last.startswith(
        "7 of 8 within tolerance (worst: image-scores, pair 0, 20x31: PSNR: 1.0e-06 of 1e-10"
    )
    assert sum(line.endswith("  NO") for line in out.splitlines()) == 1


def test_command_leaves_with_2_when_the_folder_cannot_be_used(miniature, tmp_path, capsys):
    code, _, err = command(capsys, str(tmp_path / "nowhere"))
    assert (code, "params.json" in err) == (2, True)
    folder = shutil.copytree(miniature, tmp_path / "lacking")
    (folder / "schedules.npz").unlink()
    (folder / "masks_40.npz").unlink()
    code, out, err = command(capsys, str(folder))
    assert (code, out) == (2, "")
    assert "missing: masks_40.npz, schedules.npz" in err
    code, _, err = command(capsys, str(folder), "--only", "loup")
    assert (code, "Did you mean 'loop'" in err) == (2, True)


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("params.json", "[]", "not a JSON object"),
        ("params.json", "{", "cannot be read"),
        ("params.json", '{"schedules": {}}', "no entry 'steps'"),
        ("schedules.npz", "<html>", "cannot be read"),
        ("noise_losses.safetensors", "", "cannot be read"),
    ],
)
def test_broken_files_are_named(miniature, tmp_path, capsys, file, content, told):
    folder = shutil.copytree(miniature, tmp_path / "broken")
    (folder / file).write_text(content)
    code, _, err = command(capsys, str(folder))
    assert code == 2
    assert file in err
    assert told in err


def test_a_tensor_that_is_not_there_is_named(miniature, tmp_path, capsys):
    folder = shutil.copytree(miniature, tmp_path / "incomplete")
    path = folder / "noise_losses.safetensors"
    save_file({k: v for k, v in load_file(path).items() if k != "small.regularize"}, path)
    code, _, err = command(capsys, str(folder), "--only", "noise")
    assert code == 2
    assert "no entry 'small.regularize'" in err


def test_what_cannot_be_computed_is_a_failed_comparison(miniature, tmp_path, capsys):
    """A checkpoint that no loader takes counts as out of tolerance, and the rest is still compared."""
    folder = shutil.copytree(miniature, tmp_path / "refused")
    (folder / "stylegan2_nvidia").mkdir()
    (folder / "stylegan2_nvidia" / "bad.pkl").write_bytes(b"\x80\x04cos\nsystem\n.")
    for name in ("io", "state"):
        save_file({"z": torch.zeros(1)}, folder / "stylegan2_nvidia" / f"{name}.safetensors")
    parameters = json.loads((folder / "params.json").read_text())
    names = {"checkpoint": "bad.pkl", "io": "io.safetensors", "state": "state.safetensors"}
    (folder / "params.json").write_text(json.dumps(parameters | {"stylegan2_nvidia": {"evil": names}}))
    code, out, _ = command(capsys, str(folder), "--only", "stylegan2-nvidia", "--only", "schedules")
    assert code == 1
    assert "bad.pkl" in out
    assert "4 of 5 within tolerance (worst: stylegan2-nvidia, compared to its end" in out
