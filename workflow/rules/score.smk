rule score_method:
    input:
        results=lambda wildcards: result_shards(wildcards.method),
        portraits=PORTRAITS,
        annotations=ANNOTATIONS,
        tuples="tuples/tuples.csv",
        reconstruction="tuples/reconstruction.csv",
    output:
        "scores/{method}.parquet",
    log:
        "logs/score/{method}.log",
    threads: threads_of_a_job()
    params:
        settings=settings_of("transfer", jobs=("features", "parser")),
        weights=fingerprint_of_weights("features", "parser"),
    shell:
        "loho-bench score {wildcards.method} --out {output} --settings {params.settings:q} "
        "--threads {threads} 2>&1 | tee {log} >&2"
