# The methods that this package computes. Those of others have a file each in methods/, and external.smk.


rule transfer_tuples:
    input:
        tuples="tuples/{kind}.csv",
        portraits=PORTRAITS,
        annotations=CHECKSUMS_OF_ANNOTATIONS,
    output:
        "results/{method}/{kind}-{shard}.parquet",
    log:
        "logs/transfer/{method}-{kind}-{shard}.log",
    benchmark:
        "logs/transfer/{method}-{kind}-{shard}.tsv"
    wildcard_constraints:
        method="|".join(spec.name for spec in METHODS if spec.build),
    threads: threads_of_a_job()
    params:
        settings=lambda wildcards: method_settings_of(wildcards.method),
        version=lambda wildcards: method_version(wildcards.method),
        weights=lambda wildcards: fingerprint_of_weights(*METHODS.get(wildcards.method).jobs),
    shell:
        "loho-bench transfer {wildcards.method} --tuples {input.tuples} --portraits {input.portraits} "
        "--shard {wildcards.shard} --out {output} --settings {params.settings:q} "
        "--threads {threads} 2>&1 | tee {log} >&2"
