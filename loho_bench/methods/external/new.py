"""The files that a new method from outside starts with: its rule and its settings."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import Literal

from loho_bench.errors import UserError
from loho_bench.methods.catalogue import default_registry
from loho_bench.storage import write_text

RULES = Path("workflow/rules/methods")
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_OWN_LINES = {
    "each": """\
    options:
      # The command that is given three paths of portraits and the path of the result.
      program: python /path/to/program.py
""",
    "triples": """\
    # How the program names its results: of the names of the portraits, without their suffix.
    result_name: "{identity}_{structure}_{appearance}.png"
    options:
      # The command that is given a list of triples and the folders of the portraits and of the results.
      program: python /path/to/program.py
""",
    "results": """\
    # Folder of the finished results, TUPLE.png, and of the triples.tsv that they were made from.
    results: "@RESULTS@"
""",
}


def new_method(
    name: str, form: Literal["each", "triples", "results"], root: str | Path, results: str = ""
) -> list[Path]:
    """Write the rule and the settings of a new method below ``root``, the folder of the Snakefile.

    Parameters
    ----------
    name : str
        Lower-case words joined by hyphens; no method of this package.
    form : str
        Whether the program is started once a tuple, once for a list of them, or not at all: its results lie
        in the folder ``results`` already.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    UserError
        The name cannot be used or is taken, a file is there already, or ``root`` has no workflow.
    """
    root = Path(root)
    _check_name(name)
    if not (root / RULES).is_dir():
        raise UserError(
            f"cannot start a method in '{root}'",
            cause=f"there is no folder {RULES}",
            remedy="give the folder of the Snakefile with --folder, or go there first",
        )
    own = _OWN_LINES[form].replace("@RESULTS@", results)
    texts = {root / "config" / f"{name}.yaml": _filled("settings.yaml", name) + own}
    if form != "results":
        texts[root / RULES / f"{name}.smk"] = _filled(f"{form}.smk", name)
    for path in texts:
        if path.exists():
            raise UserError(
                f"cannot start the method '{name}'",
                cause=f"the file {path} is there already",
                remedy="choose another name, or go on with that file",
            )
    for path, text in texts.items():
        write_text(text, path)
    return list(texts)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(
            f"'{name}' cannot be the name of a method",
            cause="it stands in paths, in rules and on the command line",
            remedy="use lower-case letters and digits, and hyphens between them, such as 'hairfastgan'",
        )
    if name in default_registry().names():
        raise UserError(
            f"the name '{name}' is taken",
            cause="a method of this package has it",
            remedy=f"choose another one, such as '{name}-external'",
        )


def _filled(template: str, name: str) -> str:
    text = (files("loho_bench.methods.external") / "templates" / template).read_text(encoding="utf-8")
    return text.replace("@NAME@", name).replace("@RULE@", name.replace("-", "_"))
