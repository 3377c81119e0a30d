rule draw_portraits:
    output:
        PORTRAITS,
    log:
        "logs/portraits.log",
    threads: max(1, workflow.cores or 1)
    params:
        settings=settings_of("seed", "portraits"),
        photographs=fingerprint_of_files(PHOTOGRAPHS),
    shell:
        "loho-bench portraits --out {output} --settings {params.settings:q} --workers {threads} "
        "2>&1 | tee {log} >&2"
