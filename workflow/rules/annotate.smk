rule annotate_portraits:
    input:
        PORTRAITS,
    output:
        "annotations/shard-{shard}.parquet",
    log:
        "logs/annotate/{shard}.log",
    threads: threads_of_a_job()
    params:
        settings=settings_of("annotation", jobs=("parser", "landmarks")),
        given=fingerprint_of_files(given_annotations()),
        weights=fingerprint_of_weights("parser", "landmarks"),
    shell:
        "loho-bench annotate --portraits {input} --shard {wildcards.shard} --out {output} "
        "--settings {params.settings:q} --threads {threads} "
        "2>&1 | tee {log} >&2"


# Changes when one of the tables does. The jobs that ask for it read the tables of this folder.
rule list_annotations:
    input:
        ANNOTATIONS,
    output:
        CHECKSUMS_OF_ANNOTATIONS,
    log:
        "logs/annotate/checksums.log",
    shell:
        "cksum {input} > {output} 2> {log}"
