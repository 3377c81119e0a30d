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
