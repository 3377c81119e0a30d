rule draw_tuples:
    input:
        ANNOTATIONS,
    output:
        tuples="tuples/tuples.csv",
        reconstruction="tuples/reconstruction.csv",
        editing="tuples/editing.csv",
        census="tuples/census.csv",
    log:
        "logs/tuples.log",
    params:
        settings=settings_of("seed", "tuples"),
        annotations=lambda wildcards, input: [f"--annotations={path}" for path in input],
        folder=subpath(output.tuples, parent=True),
    shell:
        "loho-bench tuples {params.annotations} --out {params.folder} --settings {params.settings:q} "
        "2>&1 | tee {log} >&2"
