rule write_reports:
    input:
        scores=expand("scores/{method}.parquet", method=scored_methods()),
        results=[table for method in scored_methods() for table in result_shards(method)],
        portraits=PORTRAITS,
        annotations=ANNOTATIONS,
        tuples="tuples/tuples.csv",
        reconstruction="tuples/reconstruction.csv",
        census="tuples/census.csv",
    output:
        fid=report("reports/fid.csv", caption="../report/fid.rst", category="Tables"),
        page=report("reports/index.html", caption="../report/index.rst", category="Page"),
        tables=report(
            expand("reports/{table}.csv", table=tables()), caption="../report/tables.rst", category="Tables"
        ),
        texts=expand("reports/{table}.md", table=tables()),
        transfers=report(
            "reports/figures/transfers.png", caption="../report/transfers.rst", category="Figures"
        ),
        curves=report(ablation_figures(), caption="../report/ablation.rst", category="Figures"),
    log:
        "logs/report.log",
    threads: threads_of_a_job()
    params:
        settings=settings_of(
            "seed",
            "networks",
            "portraits",
            "annotation",
            "tuples",
            "transfer",
            "methods",
            "reports",
            "weights",
            loho=LOHO,
        ),
        weights=fingerprint_of_weights("extractor", "parser"),
        folder=subpath(output.fid, parent=True),
    shell:
        "loho-bench report --out {params.folder} --settings {params.settings:q} "
        "--threads {threads} 2>&1 | tee {log} >&2"


rule write_ablation:
    input:
        expand("scores/{method}.parquet", method=SETTINGS.reports.ablation),
    output:
        report("reports/ablation.csv", caption="../report/ablation.rst", category="Tables"),
    log:
        "logs/ablation.log",
    params:
        settings=settings_of("seed", "transfer", "reports"),
    shell:
        "loho-bench ablation --out {output} --settings {params.settings:q} 2>&1 | tee {log} >&2"
