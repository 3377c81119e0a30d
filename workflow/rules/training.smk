# How the embedded networks were made. No report asks for these rules; name their targets to run them:
#
#   snakemake --cores 2 training/generator.safetensors
#
# Weights and card become the package's own when both are copied to loho_bench/weights/embedded/.


rule train_network:
    input:
        lambda wildcards: ["training/features.safetensors"] if wildcards.network == "generator" else [],
    output:
        weights="training/{network}.safetensors",
        card="training/{network}.json",
    log:
        "logs/training/{network}.log",
    wildcard_constraints:
        network="features|generator|parser|landmarks",
    threads: threads_of_a_job()
    params:
        folder=subpath(output.weights, parent=True),
    shell:
        "loho-bench train {wildcards.network} --folder {params.folder} --threads {threads} 2>&1 | tee {log} >&2"
