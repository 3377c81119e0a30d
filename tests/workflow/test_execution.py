"""Rules that really run: their logs, their messages, their exit codes."""

from __future__ import annotations

import pandas as pd
from snakemake_runs import REALLY_RUNS, snakemake

pytestmark = list(REALLY_RUNS)


def test_rule_runs_and_logs(tmp_path):
    table = "portraits/portraits.parquet"
    kept, stale = (tmp_path / "annotations" / f"shard-000{shard}.parquet" for shard in (0, 7))
    kept.parent.mkdir()
    kept.touch()
    stale.touch()
    result = snakemake(tmp_path, table, "--config", 'portraits={"count": 3, "size": 64}')
    assert result.returncode == 0, result.stderr
    assert len(pd.read_parquet(tmp_path / table)) == 3
    assert "drawing portraits" in (tmp_path / "logs" / "portraits.log").read_text()
    assert "drawing portraits" in result.stderr
    assert kept.exists()
    assert not stale.exists(), "shards of another plan would be read along with those of this one"


def test_shards_of_annotations_are_summed_up_in_one_file(tmp_path):
    table = "annotations/checksums.txt"
    given = ('portraits={"count": 3, "size": 64}', 'annotation={"shard_size": 2}')
    result = snakemake(tmp_path, table, "--config", *given)
    assert result.returncode == 0, result.stderr
    lines = [line.split() for line in (tmp_path / table).read_text().splitlines()]
    assert [path for _, _, path in lines] == [f"annotations/shard-000{shard}.parquet" for shard in range(2)]
    assert [int(size) for _, size, _ in lines] == [(tmp_path / path).stat().st_size for _, _, path in lines]
    assert lines[0][0] != lines[1][0]


def test_failing_rule_shows_its_message_and_fails(tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    (images / "broken.png").write_bytes(b"no image at all")
    settings = f'portraits={{"source": "folder", "folder": "{images}"}}'
    reports = 'reports={"methods": ["loho"], "paper": ["loho"]}'
    result = snakemake(tmp_path, "portraits/portraits.parquet", "--config", settings, reports)
    assert result.returncode != 0
    assert "broken.png" in result.stderr
    assert "remedy" in (tmp_path / "logs" / "portraits.log").read_text()
    assert not (tmp_path / "portraits" / "portraits.parquet").exists()


def test_the_paper_s_setting_stops_at_once_with_all_that_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("LOHO_BENCH_WEIGHTS", str(tmp_path / "weights"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    run = tmp_path / "run"
    result = snakemake(run, "reports/fid.csv", "--configfile", "config/ffhq.yaml")
    assert result.returncode != 0
    assert "Traceback" not in result.stderr
    for name in ("stylegan2-ffhq", "graphonomy", "2dfan4", "vgg16", "inception-clean"):
        assert f"{name}: " in result.stderr
    assert "cannot read the folder of portraits 'ffhq/images1024x1024'" in result.stderr
    assert {path.name for path in run.iterdir()} == {".snakemake"}
