# What all rules share: validated settings, what makes a step run again, shards and threads.

import json
import shlex
import sys
from functools import cache
from math import ceil

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, validate

from loho_bench import __version__
from loho_bench.cli.threads import processors
from loho_bench.curation.tuples import EDITS, KINDS
from loho_bench.errors import UserError
from loho_bench.methods.catalogue import registry_for
from loho_bench.methods.configuration import check_methods, configure_method
from loho_bench.portraits.folder import list_images
from loho_bench.provenance import stable_hash
from loho_bench.reports.outputs import Selection, report_outputs
from loho_bench.settings.loading import validate_settings
from loho_bench.storage import check_writable
from loho_bench.weights.embedded import NAMES as JOBS
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
    return or_stop(configure_method, METHODS.get(method), SETTINGS)


or_stop(check_writable, Path.cwd())
SETTINGS = or_stop(validate_settings, config)
# What is set, without the defaults: those of LOHO are not the same for each of its variants. Numbers that came
# as text, from the command line, are numbers here.
config = SETTINGS.model_dump(mode="json", exclude_unset=True)
validate(config, str(Path(workflow.basedir) / "workflow/schemas/config.schema.json"), set_default=False)
METHODS = or_stop(registry_for, SETTINGS)
or_stop(check_methods, SETTINGS)


# `loho-bench` is that of the environment Snakemake itself runs in, activated or not. It is no entry of PATH: a rule
# with an environment or a container of its own shall find its own programs. Commands take their share of the
# processors where more cores were promised than there are.
PROGRAM = shlex.quote(str(Path(sys.executable).parent / "loho-bench"))
ENVIRONMENT = {"LOHO_BENCH_CORES": workflow.cores or 1}
if SETTINGS.weights.folder:
    ENVIRONMENT["LOHO_BENCH_WEIGHTS"] = shlex.quote(str(Path(SETTINGS.weights.folder).absolute()))
shell.prefix(
    f'set -euo pipefail; loho-bench() {{{{ {PROGRAM} "$@"; }}}}; export '
    + " ".join(f"{name}={value}" for name, value in ENVIRONMENT.items())
    + "; "
)


wildcard_constraints:
    shard=r"\d{4}",
    method=r"[a-z0-9]+(-[a-z0-9]+)*",
    kind="|".join(KINDS),


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


@cache
def method_settings_of(method):
    """The same for the transfers of one method, without what is set for the others."""
    spec = METHODS.get(method)
    groups = {"methods": {method: SETTINGS.methods[method]} if method in SETTINGS.methods else {}}
    if spec.family in config:
        groups[spec.family] = config[spec.family]
    return settings_of("seed", "transfer", jobs=spec.jobs, **groups, **external_of(method))


def external_of(method):
    """The entry of a method that another program computes, as a group of settings."""
    return {"external": {method: config["external"][method]}} if METHODS.get(method).build is None else {}


@cache
def method_version(method):
    """Changes with the release, which may compute otherwise, and with the settings of the method."""
    spec = METHODS.get(method)
    return stable_hash([__version__, spec.version, method_settings(method).model_dump(mode="json")])


@cache
def fingerprint_of_weights(*jobs):
    """Changes when a network that does one of these jobs is replaced."""
    return or_stop(weights_hash, SETTINGS, *jobs)


def fingerprint_of_files(paths):
    """Changes when one of these files is written, added or removed."""
    found = [(str(path), path.stat()) for path in map(Path, paths) if path.is_file()]
    return stable_hash([(path, status.st_size, status.st_mtime_ns) for path, status in found])


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
    """Tables that hold every result of one method: of each kind of tuples that reports ask it for."""
    tuples, reports = SETTINGS.tuples, [Selection.of(SETTINGS, paper) for paper in (False, True)]
    transfers = (*SETTINGS.reports.ablation, *reports[0].methods, *reports[1].methods)
    reconstructions = (*reports[0].reconstruction, *reports[1].reconstruction)
    asked = dict(zip(KINDS, (transfers, reconstructions, reports[1].editing), strict=True))
    counts = (3 * tuples.per_category, tuples.reconstructions, len(EDITS) * tuples.edits)
    return [
        f"results/{method}/{kind}-{shard}.parquet"
        for (kind, methods), count in zip(asked.items(), counts, strict=True)
        if method in methods
        for shard in shard_names(count, SETTINGS.transfer.shard_size)
    ]


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
    methods = {
        job.wildcards.method for job in workflow.dag.needrun_jobs() if job.rule.name == "transfer_tuples"
    }
    jobs = [job for method in methods for job in METHODS.get(method).jobs]
    checks = [(require_all, (SETTINGS, jobs))]
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
# Stands for all of them where a job of many needs them: each edge of the plan costs time.
CHECKSUMS_OF_ANNOTATIONS = "annotations/checksums.txt"


def stale_shards():
    """Shards of an earlier plan with other sizes: they would be read along with those of this one."""
    planned, found = set(map(Path, ANNOTATIONS)), set(Path("annotations").glob("shard-*.parquet"))
    for folder in Path("results").glob("*"):
        planned.update(map(Path, result_shards(folder.name)))
        found.update(path for kind in KINDS for path in folder.glob(f"{kind}-*.parquet"))
    return found - planned


onstart:
    stop_if_something_is_missing()
    # No transfer is lost: each has a row of its own beside the table of its shard.
    for path in stale_shards():
        path.unlink()
