# portraits → annotations → tuples → transfers → scores → reports
#
# `snakemake --cores 8 reports/fid.csv` does all of it. Every rule calls `loho-bench`; its working folder is
# the one that `--directory` names, so that two settings never share files.

from pathlib import Path


configfile: str(Path(workflow.basedir) / "config" / "default.yaml")


include: "workflow/rules/common.smk"
include: "workflow/rules/portraits.smk"
include: "workflow/rules/annotate.smk"
include: "workflow/rules/tuples.smk"
include: "workflow/rules/transfer.smk"
include: "workflow/rules/external.smk"


for path in sorted((Path(workflow.basedir) / "workflow/rules/methods").glob("*.smk")):

    include: str(path)


include: "workflow/rules/score.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/training.smk"


rule all:
    default_target: True
    input:
        "reports/fid.csv",
        "reports/index.html",
