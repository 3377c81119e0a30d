rule score_method:
    input:
        results=lambda wildcards: result_shards(wildcards.method),
        portraits=PORTRAITS,
        annotations=ANNOTATIONS,
        tuples="tuples/tuples.csv",
        reconstruction="tuples/reconstruction.csv",
        editing="tuples/editing.csv",
    output:
        "scores/{method}.parquet",
    log:
        "logs/score/{method}.log",
    threads: threads_of_a_job()
    params:
        settings=lambda wildcards: settings_of(
            "transfer", jobs=("features", "parser"), **external_of(wildcards.method)
        ),
        weights=fingerprint_of_weights("features", "parser"),
    shell:
        "loho-bench score {wildcards.method} --out {output} --settings {params.settings:q} "
        "--threads {threads} 2>&1 | tee {log} >&2"
