rule draw_tuples:
    input:
        ANNOTATIONS,
    output:
        tuples="tuples/tuples.csv",
        reconstruction="tuples/reconstruction.csv",
        editing="tuples/editing.csv",
        census="tuples/census.csv",
        histogram="tuples/census_histogram.csv",
    log:
        "logs/tuples.log",
    # All cores: nothing else can be done before.
    threads: workflow.cores or 1
    params:
        settings=settings_of("seed", "tuples"),
        annotations=lambda wildcards, input: [f"--annotations={path}" for path in input],
        folder=subpath(output.tuples, parent=True),
    shell:
        "loho-bench tuples {params.annotations} --out {params.folder} --settings {params.settings:q} "
        "--threads {threads} 2>&1 | tee {log} >&2"
