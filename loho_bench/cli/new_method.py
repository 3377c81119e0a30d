"""``loho-bench new-method NAME``: the files that a method from outside starts with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loho_bench.errors import UserError


def new_method(
    name: Annotated[str, typer.Argument(help="Lower-case words joined by hyphens, such as hairfastgan.")],
    each: Annotated[
        bool, typer.Option("--each", help="The program is started once a tuple (the default).")
    ] = False,
    triples: Annotated[
        bool, typer.Option("--triples", help="The program reads a list of triples and is started once.")
    ] = False,
    results: Annotated[
        str | None,
        typer.Option("--results", metavar="FOLDER", help="There is no program: its results lie in FOLDER."),
    ] = None,
    folder: Annotated[Path, typer.Option("--folder", help="Folder of the Snakefile.")] = Path("."),
) -> None:
    """Write the rule and the settings of a method that another program computes, and say what comes next."""
    from loho_bench.methods.external.new import new_method as write

    forms = [
        form
        for form, wanted in (("each", each), ("triples", triples), ("results", results is not None))
        if wanted
    ]
    if len(forms) > 1:
        raise UserError(
            "cannot start a method in two ways",
            cause=f"{' and '.join(f'--{form}' for form in forms)} exclude one another",
            remedy="give one of them",
        )
    form = forms[0] if forms else "each"
    for path in write(name, form, folder, results or ""):
        typer.echo(f"wrote {path}")
    typer.echo(_NEXT[form].replace("NAME", name))


_PROGRAM = """
Next:
1. Set options.program (and label, citation, size) in config/NAME.yaml.
2. Make the command in workflow/rules/methods/NAME.smk that of your program.
3. snakemake --cores 8 reports/fid.csv --configfile config/NAME.yaml
docs/add-a-baseline.md says more."""
_NEXT = {
    "each": _PROGRAM,
    "triples": _PROGRAM,
    "results": """
Next:
1. snakemake --cores 8 results/NAME/inputs/all/triples.tsv --configfile config/NAME.yaml
2. Make the results from the portraits beside that list, and put them and a copy of the list into the folder.
3. snakemake --cores 8 reports/fid.csv --configfile config/NAME.yaml
docs/add-a-baseline.md says more.""",
}
