# How the embedded networks were made. No report asks for these rules; name their targets to run them:
#
#   snakemake --cores 2 training/generator.safetensors
#   snakemake --cores 2 training/generator.adopted
#
# The second makes weights and card the package's own. It fails where the figures on the new card are worse than
# those on the card of the network shipped now.


rule train_network:
    input:
        lambda wildcards: (
            ["training/features.safetensors"] if wildcards.network in ("generator", "michigan") else []
        ),
    output:
        weights="training/{network}.safetensors",
        card="training/{network}.json",
    log:
        "logs/training/{network}.log",
    wildcard_constraints:
        network="features|generator|parser|landmarks|extractor|inpainter|michigan",
    threads: threads_of_a_job()
    params:
        folder=subpath(output.weights, parent=True),
    shell:
        "loho-bench train {wildcards.network} --folder {params.folder} --threads {threads} 2>&1 | tee {log} >&2"


rule adopt_network:
    input:
        weights=rules.train_network.output.weights,
        card=rules.train_network.output.card,
    output:
        "training/{network}.adopted",
    log:
        "logs/training/adopt-{network}.log",
    wildcard_constraints:
        network="[a-z]+",
    params:
        folder=subpath(input.weights, parent=True),
    shell:
        "loho-bench embedded adopt {wildcards.network} --folder {params.folder} > {output} 2> {log} "
        "|| {{ cat {log} >&2; exit 1; }}"
