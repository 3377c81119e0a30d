# What all rules share: validated settings, what makes a step run again, shards and threads.

import json
import sys
from math import ceil

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version, validate

from loho_bench import __version__
from loho_bench.cli.threads import processors
from loho_bench.errors import UserError
from loho_bench.methods.catalogue import default_registry
from loho_bench.methods.configuration import configure_method
from loho_bench.portraits.folder import list_images
from loho_bench.provenance import stable_hash
from loho_bench.settings.loading import validate_settings
from loho_bench.storage import check_writable
from loho_bench.weights.embedded import FOLDER as WEIGHTS

min_version("9.5")

# Commands come from the environment that Snakemake itself runs in, activated or not, and take their share
# of the processors where more cores were promised than there are.
shell.prefix(
    "set -euo pipefail; "
    f"export PATH={Path(sys.executable).parent}:$PATH LOHO_BENCH_CORES={workflow.cores or 1}; "
)


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


wildcard_constraints:
    shard=r"\d{4}",
    method=r"[a-z0-9]+(-[a-z0-9]+)*",
    kind="tuples|reconstruction",


def settings_of(*groups, **more):
    """JSON of the settings that a step depends on: a trigger of reruns, and what its command reads."""
    return json.dumps({**SETTINGS.model_dump(mode="json", include=set(groups)), **more}, sort_keys=True)


def method_settings_of(method):
    """The same for the transfers of one method, without what is set for the others."""
    own = {method: SETTINGS.methods[method]} if method in SETTINGS.methods else {}
    return settings_of("seed", "transfer", loho=LOHO, methods=own)


def method_version(method):
    """Changes with the release, which may compute otherwise, and with the settings of the method."""
    return stable_hash([__version__, method_settings(method).model_dump(mode="json")])


def fingerprint_of_weights(*names):
    """Changes when one of these embedded networks is replaced."""
    cards = [WEIGHTS / f"{name}.json" for name in names]
    return stable_hash([json.loads(card.read_text())["sha256"] if card.is_file() else "" for card in cards])


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


PHOTOGRAPHS = or_stop(list_images, SETTINGS.portraits.folder) if SETTINGS.portraits.source == "folder" else []
PORTRAITS = "portraits/portraits.parquet"
ANNOTATIONS = expand(
    "annotations/shard-{shard}.parquet",
    shard=shard_names(len(PHOTOGRAPHS) or SETTINGS.portraits.count, SETTINGS.annotation.shard_size),
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
    # No transfer is lost: each has a row of its own beside the table of its shard.
    for path in stale_shards():
        path.unlink()
