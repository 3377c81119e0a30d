# @NAME@: a method that another program computes. docs/add-a-baseline.md says what goes in and what comes out;
# config/@NAME@.yaml holds its settings.


rule run_@RULE@:
    input:
        "results/@NAME@/inputs/{kind}-{shard}/triples.tsv",
    output:
        directory("results/@NAME@/outputs/{kind}-{shard}"),
    log:
        "logs/transfer/@NAME@-{kind}-{shard}.log",
    benchmark:
        "logs/transfer/@NAME@-{kind}-{shard}.tsv"
    # One job at a time: the program has the machine, and its GPU, for itself.
    threads: max(1, workflow.cores or 1)
    params:
        program=lambda wildcards: config["external"]["@NAME@"]["options"]["program"],
    # conda: "@NAME@.yaml"  # an environment beside this file: snakemake --sdm conda
    # container: "docker://..."  # or an image: snakemake --sdm apptainer
    shell:
        r"""
        mkdir -p {output} && cp {input} {output}
        while IFS=$'\t' read -r tuple_id identity structure appearance result fingerprint; do
            start=$(date +%s.%N) code=0
            {params.program} "$identity" "$structure" "$appearance" "$result" < /dev/null || code=$?
            printf '%s\t%s\t%s\t%s\n' "$tuple_id" "$start" "$(date +%s.%N)" "$code" >> {output}/times.tsv
        done < {input} > {log} 2>&1
        """
