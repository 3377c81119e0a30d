# What all rules share: validated settings, what makes a step run again, shards and threads.

import json
import shlex
import sys
from math import ceil

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, validate

from loho_bench import __version__
from loho_bench.cli.threads import processors
from loho_bench.errors import UserError
from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.configuration import configure_method
from loho_bench.methods.resources import JOBS as TRANSFER_JOBS
from loho_bench.portraits.folder import list_images
from loho_bench.provenance import stable_hash
from loho_bench.settings.loading import validate_settings
from loho_bench.storage import check_writable
from loho_bench.weights.needs import networks_of, require_all, weights_hash

min_version("9.5")


def or_stop(function, *arguments):
    """Call ``function``; what the user can mend ends the workflow with its message alone."""
    try:
        return function(*arguments)
    except UserError as error:
        raise WorkflowError(str(error)) from None


def method_settings(method):
    """Full settings of one method: its family's, then its own."""
    return configure_method(METHODS.get(method), SETTINGS)


or_stop(check_writable, Path.cwd())
SETTINGS = or_stop(validate_settings, config)
# What is set, without the defaults: those of LOHO are not the same for each of its variants. Numbers that came
# as text, from the command line, are numbers here.
config = SETTINGS.model_dump(mode="json", exclude_unset=True)
LOHO = config.get("loho", {})
validate(config, str(Path(workflow.basedir) / "workflow/schemas/config.schema.json"), set_default=False)
METHODS = default_registry()
REPORTS = SETTINGS.reports
for name in (*REPORTS.methods, *REPORTS.ablation, *REPORTS.reconstruction, *SETTINGS.methods):
    or_stop(method_settings, name)


# Commands come from the environment that Snakemake itself runs in, activated or not, and take their share
# of the processors where more cores were promised than there are.
ENVIRONMENT = {"PATH": f"{Path(sys.executable).parent}:$PATH", "LOHO_BENCH_CORES": workflow.cores or 1}
if SETTINGS.weights.folder:
    ENVIRONMENT["LOHO_BENCH_WEIGHTS"] = shlex.quote(str(Path(SETTINGS.weights.folder).absolute()))
shell.prefix(
    "set -euo pipefail; export " + " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items()) + "; "
)


wildcard_constraints:
    shard=r"\d{4}",
    method=r"[a-z0-9]+(-[a-z0-9]+)*",
    kind="tuples|reconstruction",


def settings_of(*groups, jobs=(), **more):
    """JSON of the settings that a step depends on: a trigger of reruns, and what its command reads.

    Of the networks only those that do its ``jobs`` are part of it. The folder of their files is not, and reaches
    the command through its environment: files that moved are the same files.
    """
    chosen = SETTINGS.model_dump(mode="json", include=set(groups))
    if jobs:
        chosen["networks"] = networks_of(SETTINGS.networks, *jobs)
        chosen["weights"] = {"files": SETTINGS.weights.files}
    return json.dumps({**chosen, **more}, sort_keys=True)


def method_settings_of(method):
    """The same for the transfers of one method, without what is set for the others."""
    own = {method: SETTINGS.methods[method]} if method in SETTINGS.methods else {}
    return settings_of("seed", "transfer", jobs=TRANSFER_JOBS, loho=LOHO, methods=own)


def method_version(method):
    """Changes with the release, which may compute otherwise, and with the settings of the method."""
    return stable_hash([__version__, method_settings(method).model_dump(mode="json")])


def fingerprint_of_weights(*jobs):
    """Changes when a network that does one of these jobs is replaced."""
    return or_stop(weights_hash, SETTINGS, *jobs)


def fingerprint_of_files(paths):
    """Changes when one of these files is written, added or removed."""
    present = [path for path in map(Path, paths) if path.is_file()]
    return stable_hash([(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in present])


def jobs_at_once():
    """One job a processor: two processes of one thread outdo one process of two."""
    return min(workflow.cores or 1, processors())


def threads_of_a_job(wildcards=None):
    """A job's part of the cores that Snakemake was given, so that no processor gets two jobs."""
    return ceil((workflow.cores or 1) / jobs_at_once())


def shard_names(items, size):
    """Names of the shards of so many pieces of work."""
    return [f"{index:04d}" for index in range(ceil(items / size))]


def given_annotations():
    """Files of given masks and landmarks, if they are given."""
    given = SETTINGS.annotation
    if given.source != "given":
        return []
    return [given.landmarks, *sorted(Path(given.masks).glob("*.png"))]


def result_shards(method):
    """Tables that hold every result of one method."""
    work = {"tuples": 3 * SETTINGS.tuples.per_category}
    if method in SETTINGS.reports.reconstruction:
        work["reconstruction"] = SETTINGS.tuples.reconstructions
    return [
        f"results/{method}/{kind}-{shard}.parquet"
        for kind, items in work.items()
        for shard in shard_names(items, SETTINGS.transfer.shard_size)
    ]


def scored_methods():
    """Methods that the report shows, each once."""
    return list(dict.fromkeys((*SETTINGS.reports.methods, *SETTINGS.reports.reconstruction)))


def ablation_figures():
    """Names of the figures that compare ablations, drawn where one of them is in the report."""
    ablated = set(SETTINGS.reports.ablation) & set(scored_methods())
    names = ["ablation_curves", "hair_iou"] if ablated else []
    return [f"reports/figures/{name}.png" for name in names]


def tables():
    """Names of the tables of the report: without reconstructions there is no Table 3."""
    return ["table1", "table2", "scores", "costs", *(["table3"] if SETTINGS.reports.reconstruction else [])]


def photographs():
    """Images of the folder of portraits; none where portraits are drawn, or while they are only expected."""
    chosen = SETTINGS.portraits
    if chosen.source != "folder" or (chosen.expected and not Path(chosen.folder).is_dir()):
        return []
    return or_stop(list_images, chosen.folder, chosen.select)


def portrait_count():
    """How many portraits there are, or will be."""
    chosen = SETTINGS.portraits
    return len(PHOTOGRAPHS) or (chosen.count if chosen.source == "synthetic" else chosen.expected)


def stop_if_something_is_missing():
    """End the workflow with everything at once that a plan does without and a run does not."""
    checks = [(require_all, (SETTINGS,))]
    if SETTINGS.portraits.source == "folder":
        checks.append((list_images, (SETTINGS.portraits.folder, SETTINGS.portraits.select)))
    problems = []
    for check, arguments in checks:
        try:
            check(*arguments)
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise WorkflowError("\n".join(problems))


PHOTOGRAPHS = photographs()
PORTRAITS = "portraits/portraits.parquet"
ANNOTATIONS = expand(
    "annotations/shard-{shard}.parquet",
    shard=shard_names(portrait_count(), SETTINGS.annotation.shard_size),
)


def stale_shards():
    """Shards of an earlier plan with other sizes: they would be read along with those of this one."""
    planned, found = set(map(Path, ANNOTATIONS)), set(Path("annotations").glob("shard-*.parquet"))
    for folder in Path("results").glob("*"):
        planned.update(map(Path, result_shards(folder.name)))
        found.update(
            path for kind in ("tuples", "reconstruction") for path in folder.glob(f"{kind}-*.parquet")
        )
    return found - planned


onstart:
    stop_if_something_is_missing()
    # No transfer is lost: each has a row of its own beside the table of its shard.
    for path in stale_shards():
        path.unlink()
