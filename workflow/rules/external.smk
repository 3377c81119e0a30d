# Methods that other programs compute: portraits go out, results come in. What lies between is a rule of its own
# in methods/, or nothing where the results lie in a folder already. docs/add-a-baseline.md shows it.


include: "external_common.smk"


rule export_inputs:
    input:
        tuples="tuples/{kind}.csv",
        portraits=PORTRAITS,
        annotations=CHECKSUMS_OF_ANNOTATIONS,
    output:
        multiext("results/{method}/inputs/{kind}-{shard}/triples", ".tsv", ".txt"),
    log:
        "logs/external/export-{method}-{kind}-{shard}.log",
    wildcard_constraints:
        method=EXTERNAL,
    params:
        settings=lambda wildcards: method_settings_of(wildcards.method),
        folder=subpath(output[0], parent=True),
        outputs="results/{method}/outputs/{kind}-{shard}",
        results=lambda wildcards: f"results/{wildcards.method}",
    shell:
        "loho-bench external export {wildcards.method} --tuples {input.tuples} --portraits {input.portraits} "
        "--shard {wildcards.shard} --out {params.folder} --outputs {params.outputs} "
        "--results {params.results} --settings {params.settings:q} 2>&1 | tee {log} >&2"


rule export_all_inputs:
    input:
        tuples=lambda wildcards: tables_of(wildcards.method),
        portraits=PORTRAITS,
        annotations=CHECKSUMS_OF_ANNOTATIONS,
    output:
        multiext("results/{method}/inputs/all/triples", ".tsv", ".txt"),
    log:
        "logs/external/export-{method}-all.log",
    wildcard_constraints:
        method=EXTERNAL,
    params:
        settings=lambda wildcards: method_settings_of(wildcards.method),
        tuples=lambda wildcards, input: [f"--tuples={path}" for path in input.tuples],
        folder=subpath(output[0], parent=True),
        outputs="results/{method}/outputs/all",
    shell:
        "loho-bench external export {wildcards.method} {params.tuples} --portraits {input.portraits} "
        "--out {params.folder} --outputs {params.outputs} "
        "--settings {params.settings:q} 2>&1 | tee {log} >&2"


rule collect_outputs:
    input:
        tuples="tuples/{kind}.csv",
        portraits=PORTRAITS,
        annotations=CHECKSUMS_OF_ANNOTATIONS,
        outputs=outputs_of,
    output:
        "results/{method}/{kind}-{shard}.parquet",
    log:
        "logs/external/collect-{method}-{kind}-{shard}.log",
    wildcard_constraints:
        method=EXTERNAL,
    params:
        settings=lambda wildcards: method_settings_of(wildcards.method),
        outputs=lambda wildcards, input: input.outputs or SETTINGS.external[wildcards.method].results,
        results=lambda wildcards: fingerprint_of_results(wildcards.method),
        benchmark="logs/transfer/{method}-{kind}-{shard}.tsv",
    shell:
        "loho-bench external collect {wildcards.method} --tuples {input.tuples} --portraits {input.portraits} "
        "--shard {wildcards.shard} --outputs {params.outputs:q} --out {output} "
        "--benchmark {params.benchmark} --settings {params.settings:q} 2>&1 | tee {log} >&2"
