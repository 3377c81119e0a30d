# What the rules of external.smk know of the methods that other programs compute.

from loho_bench.curation.tuples import RECONSTRUCTION

# Where there is no such method, the expression fits nothing.
EXTERNAL = "|".join(SETTINGS.external) or "(?!)"


def tables_of(method):
    """Tables of the tuples that a method is asked for."""
    entry = SETTINGS.external[method]
    wanted = {"tuples": True, RECONSTRUCTION: entry.reconstructs, "editing": entry.edits}
    return [f"tuples/{kind}.csv" for kind in KINDS if wanted[kind]]


@cache
def fingerprint_of_results(method):
    """Changes with the files in the folder of finished results, where there is one."""
    folder = SETTINGS.external[method].results
    return fingerprint_of_files(sorted(Path(folder).glob("*"))) if folder else ""


def outputs_of(wildcards):
    """Folder that a rule of methods/ makes; nothing where results are given."""
    folder = f"results/{wildcards.method}/outputs/{wildcards.kind}-{wildcards.shard}"
    if SETTINGS.external[wildcards.method].results:
        return []
    if not any(known.is_producer(folder) for known in workflow.rules):
        raise WorkflowError(
            f"no rule makes the results of the method '{wildcards.method}'\n"
            f"  cause:  none in workflow/rules/methods has the output {folder}\n"
            f"  remedy: write it ('loho-bench new-method {wildcards.method}' starts it), "
            f"or set external.{wildcards.method}.results to a folder of results"
        )
    return folder
