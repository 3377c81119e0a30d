# What the rules of report.smk share: inputs, settings and captions of reports.

from loho_bench.reports.figures.catalogue import FIGURES

OUTPUTS = report_outputs(SETTINGS, "reports")
CAPTIONS = {figure.name: f"{figure.title}. {figure.caption}" for figure in FIGURES}


def report_inputs(selection):
    """What the report on some methods is made from."""
    return {
        "scores": [f"scores/{method}.parquet" for method in selection.everyone],
        "results": [table for method in selection.everyone for table in result_shards(method)],
        "portraits": PORTRAITS,
        "annotations": ANNOTATIONS,
        "tuples": [f"tuples/{kind}.csv" for kind in KINDS],
        "census": "tuples/census.csv",
    }


def report_settings():
    """All that is set, but where the weights lie: a report tells of every stage."""
    groups = {name: values for name, values in config.items() if name not in ("networks", "weights")}
    return settings_of(jobs=JOBS, **groups)


def captioned_tables():
    """The tables for programs, each with the caption of its name."""
    return {
        path.stem: report(path, caption=f"../report/{path.stem}.rst", category="Tables")
        for path in OUTPUTS.tables
        if path.suffix == ".csv"
    }


def tables_for_readers():
    """The same tables as Markdown and LaTeX."""
    return [path for path in OUTPUTS.tables if path.suffix != ".csv"]
