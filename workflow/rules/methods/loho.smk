# LOHO and its ablations: one method by several settings.


rule transfer_with_loho:
    input:
        tuples="tuples/{kind}.csv",
        portraits=PORTRAITS,
        annotations=ANNOTATIONS,
    output:
        "results/{method}/{kind}-{shard}.parquet",
    log:
        "logs/transfer/{method}-{kind}-{shard}.log",
    benchmark:
        "logs/transfer/{method}-{kind}-{shard}.tsv"
    wildcard_constraints:
        method="loho(-[a-z0-9]+)*",
    threads: threads_of_a_job()
    params:
        settings=lambda wildcards: method_settings_of(wildcards.method),
        version=lambda wildcards: method_version(wildcards.method),
        weights=fingerprint_of_weights("generator", "features", "parser"),
        annotations=lambda wildcards, input: [f"--annotations={path}" for path in input.annotations],
    shell:
        "loho-bench transfer {wildcards.method} --tuples {input.tuples} --portraits {input.portraits} "
        "{params.annotations} --shard {wildcards.shard} --out {output} --settings {params.settings:q} "
        "--threads {threads} 2>&1 | tee {log} >&2"
