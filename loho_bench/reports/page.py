"""``reports/index.html``: the whole run on one self-contained page."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

import loho_bench
from loho_bench.metrics.statistics import Interval
from loho_bench.reports.ablation import BASE, NO_GO, score_against
from loho_bench.reports.content import Report
from loho_bench.reports.fid_table import fid_display, fid_interval
from loho_bench.reports.figures_iou import draw_hair_iou
from loho_bench.reports.figures_traces import draw_curves
from loho_bench.reports.formats import MISSING, decimals, interval_note, number
from loho_bench.reports.inlining import image_uri, themed_figure
from loho_bench.reports.paper import CITATION
from loho_bench.reports.run import OVERALL, Run, method_label
from loho_bench.settings.project import NetworkSettings
from loho_bench.storage import write_text
from loho_bench.weights.embedded import NAMES
from loho_bench.weights.needs import EMBEDDED


@dataclass(frozen=True)
class KeyFigure:
    """One number at the head of the page."""

    label: str
    value: str
    interval: str
    note: str


def write_page(report: Report, out: str | Path) -> None:
    """Write the page; equal inputs give equal bytes, for its date is that of the results."""
    environment = Environment(
        loader=PackageLoader("loho_bench.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["image_uri"] = image_uri
    write_text(environment.get_template("index.html.j2").render(page_content(report)), out)


def page_content(report: Report) -> dict[str, object]:
    """Return everything that the template shows."""
    run, ablated = report.run, report.ablated
    reports = run.settings.reports
    shown = tuple(dict.fromkeys((*reports.methods, *reports.reconstruction)))
    return {
        "report": report,
        "run": run,
        "version": loho_bench.__version__,
        "methods": [method_label(method) for method in reports.methods],
        "counts": _counts(run),
        "empty": list(run.census.loc[run.census["eligible_pairs"] == 0, "category"]),
        "figures": key_figures(report),
        "fid_tables": [
            fid_display(report.fid_rows, reading) for reading in report.fid_rows["reading"].unique()
        ],
        "left_out": [method_label(method) for method in reports.ablation if method not in ablated],
        "iou_figure": themed_figure(
            lambda theme: draw_hair_iou(run, ablated, theme), "Hair IoU of every tuple, by method"
        )
        if ablated
        else "",
        "curves": themed_figure(
            lambda theme: draw_curves(report.curves, theme),
            "Structure loss and scalar product of gradients over iterations, by method",
        )
        if ablated
        else "",
        "rejected": rejected_portraits(run),
        "failures": failures(run, shown),
        "provenance": provenance(run, report.fid_rows, shown),
        "settings": json.dumps(settings_to_rerun(run), indent=2),
        "citation": CITATION,
    }


def key_figures(report: Report) -> list[KeyFigure]:
    """Return the few numbers that say how the run came out, for LOHO or the first method reported."""
    run, methods = report.run, report.run.settings.reports.methods
    method = BASE if BASE in methods else methods[0]
    label = method_label(method)
    iou = score_against("hair_iou", "structure")
    found = [
        _key_figure("FID, full frame", fid_interval(report.fid_rows, method, "full", OVERALL), label),
        _key_figure("Hair IoU with the structure", run.summary(method, iou), label),
    ]
    if BASE in report.ablated and NO_GO in report.ablated:
        gain = run.difference(BASE, NO_GO, iou)
        found.append(_key_figure("Hair IoU gained by GO", gain, f"{label} − {method_label(NO_GO)}"))
    if run.inputs.synthetic:
        answer = run.summary(method, score_against("psnr", "true answer"))
        found.append(_key_figure("PSNR to the true answer", answer, label, " dB"))
    if method in run.settings.reports.reconstruction:
        rebuilt = run.summary(method, score_against("psnr", "identity"))
        found.append(_key_figure("PSNR of reconstructions", rebuilt, label, " dB"))
    return [figure for figure in found if figure.value != MISSING]


def _key_figure(label: str, interval: Interval, note: str, unit: str = "") -> KeyFigure:
    digits = decimals([interval.value])
    return KeyFigure(
        label,
        _with_unit(number(interval.value, digits), unit),
        interval_note(interval, digits),
        f"{note}, n = {interval.n}",
    )


def _with_unit(text: str, unit: str) -> str:
    return text if text == MISSING else text + unit


def _counts(run: Run) -> dict[str, int]:
    portraits, annotations = run.inputs.portraits, run.inputs.annotations
    usable = annotations[annotations["status"] == "ok"]
    return {
        "portraits": len(portraits),
        "annotated": len(usable),
        "eligible": int((usable["hair_fraction"] >= run.settings.tuples.minimum_hair_fraction).sum()),
        "pairs": int(run.census["eligible_pairs"].sum()),
        "transfers": len(run.transfers),
    }


def rejected_portraits(run: Run) -> list[dict[str, str]]:
    """Return portraits that were set aside, by either stage, with the reason: also those without any hair."""
    found = []
    for stage, table in (("portraits", run.inputs.portraits), ("annotation", run.inputs.annotations)):
        remarked = table["reason"].fillna("") != ""
        for portrait, row in table[(table["status"] != "ok") | remarked].iterrows():
            found.append({"portrait": str(portrait), "stage": stage, "reason": str(row["reason"])})
    return found


def failures(run: Run, methods: Sequence[str]) -> list[dict[str, str]]:
    """Return every tuple that a method did not finish, with the reason."""
    found = []
    for method in methods:
        rows = run.results(method)
        for _, row in rows[rows["status"] != "ok"].iterrows():
            found.append(
                {"tuple": row["tuple_id"], "method": method_label(method), "reason": str(row["reason"])}
            )
    return found


def provenance(run: Run, fid_rows: pd.DataFrame, methods: Sequence[str]) -> list[tuple[str, str]]:
    """Return what one needs to judge or repeat the numbers, as (name, value)."""
    first = fid_rows.iloc[0]
    source = "synthetic, drawn by the renderer" if run.inputs.synthetic else "a folder of photographs"
    facts = [
        ("Portraits", source),
        ("Networks", _networks(run.settings.networks)),
        ("Resolution", f"{run.settings.transfer.resolution} px"),
        ("Run seed", str(run.settings.seed)),
        ("Machine", run.provenance(methods, "device")),
        ("Precision", run.provenance(methods, "precision")),
        (
            "FID extractor",
            f"{first['extractor']}, {first['features']} features, resizing '{first['protocol']}'",
        ),
        ("Intervals", f"{run.settings.reports.confidence:.0%}, bootstrap over tuples"),
        ("Settings hash", run.provenance(methods, "settings_hash")),
        ("Weights hash", run.provenance(methods, "weights_hash")),
        ("Versions", _versions(run.provenance(methods, "versions"))),
    ]
    # The runner's rows may say when they were written; the page never looks at the clock.
    finished = run.provenance(methods, "finished")
    return facts if finished == "not recorded" else [("Date", max(finished.split(", "))), *facts]


def _networks(chosen: NetworkSettings) -> str:
    """Say which network did which job; the one word "embedded" where all came with the package."""
    jobs = {job: getattr(chosen, job) for job in NAMES}
    if set(jobs.values()) == {EMBEDDED}:
        return EMBEDDED
    return ", ".join(f"{job} {network}" for job, network in jobs.items())


def settings_to_rerun(run: Run) -> dict[str, object]:
    """Return the settings such that, read again, they give this run."""
    full = run.settings.model_dump(mode="json")
    # A default of LOHO written out would contradict the variants that differ from it.
    return {**full, "loho": run.settings.loho.model_dump(mode="json", exclude_unset=True)}


def _versions(text: str) -> str:
    try:
        return ", ".join(f"{name} {version}" for name, version in sorted(json.loads(text).items()))
    except (json.JSONDecodeError, AttributeError):
        return text
