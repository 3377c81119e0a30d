# Reports of a finished run: of its methods, and of all that the paper's tables and figures compare.


include: "report_common.smk"


rule write_reports:
    input:
        **report_inputs(Selection.of(SETTINGS)),
    output:
        **captioned_tables(),
        fid=report(OUTPUTS.fid, caption="../report/fid.rst", category="Tables"),
        page=report(OUTPUTS.page, caption="../report/index.rst", category="Page"),
        texts=tables_for_readers(),
        captions=OUTPUTS.captions,
        figures=report(
            directory("reports/figures"),
            patterns=["{figure}.png"],
            caption="../report/figures.rst",
            category="Figures",
        ),
    log:
        "logs/report.log",
    threads: threads_of_a_job()
    params:
        settings=report_settings(),
        weights=fingerprint_of_weights("extractor", "parser"),
        captions=CAPTIONS,
        folder=subpath(output.fid, parent=True),
    shell:
        "loho-bench report --out {params.folder} --settings {params.settings:q} "
        "--threads {threads} 2>&1 | tee {log} >&2"


rule write_paper:
    input:
        **report_inputs(Selection.of(SETTINGS, paper=True)),
    output:
        report(
            directory("reports/paper"),
            patterns=["{figure}.png", "{table}.csv"],
            caption="../report/paper.rst",
            category="The paper's tables and figures",
        ),
    log:
        "logs/paper.log",
    threads: threads_of_a_job()
    params:
        settings=report_settings(),
        weights=fingerprint_of_weights("extractor", "parser"),
        captions=CAPTIONS,
    shell:
        "loho-bench report --paper --out {output} --settings {params.settings:q} "
        "--threads {threads} 2>&1 | tee {log} >&2"


rule write_ablation:
    input:
        expand("scores/{method}.parquet", method=SETTINGS.reports.ablation),
    output:
        report("reports/ablation.csv", caption="../report/ablation.rst", category="Tables"),
    log:
        "logs/ablation.log",
    params:
        settings=settings_of("seed", "transfer", "external", "reports"),
    shell:
        "loho-bench ablation --out {output} --settings {params.settings:q} 2>&1 | tee {log} >&2"
