"""One finished run as the reports see it: its tables, and summaries of scores with their intervals."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from loho_bench.annotation.choice import choose_parser
from loho_bench.curation import criteria as curation
from loho_bench.curation.tuples import RECONSTRUCTION
from loho_bench.errors import UserError
from loho_bench.methods.catalogue import registry_for
from loho_bench.methods.protocol import Parser
from loho_bench.methods.registry import MethodSpec, Registry
from loho_bench.metrics.scores import Score
from loho_bench.metrics.scoring_inputs import RunInputs, load_inputs, read_results
from loho_bench.metrics.statistics import Comparison, Interval, bootstrap_mean, compare, paired_difference
from loho_bench.provenance import derive_seed
from loho_bench.settings.project import Settings
from loho_bench.storage import read_table
from loho_bench.weights.needs import EMBEDDED

OVERALL = "overall"
CATEGORIES = tuple(category.name for category in curation.CATEGORIES)


@dataclass(frozen=True, eq=False)
class Run:
    """Access to what a run wrote below ``root``, everything read at most once.

    ``judge`` is the parser to look at results with; the one that the settings name where left out.
    """

    settings: Settings
    root: Path
    judge: Parser | None = None

    @cached_property
    def registry(self) -> Registry:
        """The declared methods, those from outside included."""
        return registry_for(self.settings)

    def spec(self, method: str) -> MethodSpec:
        """Return the declaration of a method; UserError where there is none."""
        return self.registry.get(method)

    def label(self, method: str) -> str:
        """Return how tables and figures call a method."""
        return self.spec(method).label

    @cached_property
    def parser(self) -> Parser:
        """What finds hair and face in results."""
        return self.judge or choose_parser(self.settings)

    @cached_property
    def inputs(self) -> RunInputs:
        """Tuples, portraits and annotations."""
        return load_inputs(self.settings.transfer.resolution, self.root)

    @property
    def photographic(self) -> bool:
        """Whether photographs were transferred by a generator that was trained on photographs."""
        return not self.inputs.synthetic and self.settings.networks.generator != EMBEDDED

    @cached_property
    def census(self) -> pd.DataFrame:
        """Eligible pairs and drawn tuples per category."""
        return read_table(self.root / "tuples" / "census.csv")

    @property
    def transfers(self) -> pd.DataFrame:
        """The tuples that are transfers, not reconstructions or edits of single attributes."""
        return self.of_category(*CATEGORIES)

    def of_category(self, *categories: str) -> pd.DataFrame:
        """Return the tuples of some categories, in the order in which they were drawn."""
        return self.inputs.tuples[self.inputs.tuples["category"].isin(categories)]

    @cached_property
    def _scores(self) -> dict[str, pd.DataFrame]:
        return {}

    def scores(self, method: str) -> pd.DataFrame:
        """Tidy scores of one method.

        Raises
        ------
        UserError
            The method has not been scored.
        """
        if method not in self._scores:
            path = self.root / "scores" / f"{method}.parquet"
            if not path.exists():
                raise UserError(
                    f"cannot report on method '{method}'",
                    cause=f"{path} does not exist",
                    remedy=f"run 'loho-bench score {method}', or leave it out of the settings 'reports'",
                )
            self._scores[method] = read_table(path)
        return self._scores[method]

    @cached_property
    def _results(self) -> dict[str, pd.DataFrame]:
        return {}

    def results(self, method: str) -> pd.DataFrame:
        """The runner's rows of one method, a row for every tuple asked for."""
        if method not in self._results:
            self._results[method] = read_results(self.inputs, method)
        return self._results[method]

    def values(self, method: str, score: Score, category: str = OVERALL) -> pd.Series:
        """One score by tuple id, NaN where the tuple failed.

        ``overall`` is all transfers, or for a score of reconstructions all reconstructions.
        """
        chosen = self._by_score(method).get((score.metric.name, score.against))
        if chosen is None:
            return pd.Series(dtype=float)
        overall = (RECONSTRUCTION,) if score.task == "reconstruction" else CATEGORIES
        wanted = chosen["category"].isin(overall if category == OVERALL else (category,))
        return chosen.loc[wanted, "value"]

    def _by_score(self, method: str) -> dict[tuple[str, str], pd.DataFrame]:
        if method not in self._grouped:
            table = self.scores(method).set_index("tuple_id")
            self._grouped[method] = dict(iter(table.groupby(["metric", "against"])))
        return self._grouped[method]

    @cached_property
    def _grouped(self) -> dict[str, dict[tuple[str, str], pd.DataFrame]]:
        return {}

    def summary(self, method: str, score: Score, category: str = OVERALL) -> Interval:
        """Mean of one score over the tuples of a category, with its interval; worked out once."""
        key = (method, score.metric.name, score.against, category)
        if key not in self._summaries:
            values = self.values(method, score, category)
            self._summaries[key] = bootstrap_mean(values, seed=self.seed(*key), **self.bootstrap)
        return self._summaries[key]

    @cached_property
    def _summaries(self) -> dict[tuple[str, ...], Interval]:
        return {}

    def difference(self, first: str, second: str, score: Score) -> Interval:
        """Mean of ``first - second`` over their common tuples, with its interval."""
        seed = self.seed(first, second, score.metric.name, score.against)
        return paired_difference(
            self.values(first, score), self.values(second, score), seed=seed, **self.bootstrap
        )

    def comparison(self, first: str, second: str, score: Score) -> Comparison:
        """Two methods on their common tuples; ``score`` has a better direction."""
        values = self.values(first, score), self.values(second, score)
        if any(series.empty for series in values):  # a score that a method does not have is no failure
            return Comparison(Interval.unknown(), float("nan"), float("nan"))
        seed = self.seed(first, second, score.metric.name, score.against)
        return compare(*values, bool(score.metric.higher_is_better), seed=seed, **self.bootstrap)

    @property
    def bootstrap(self) -> dict[str, float]:
        """How intervals of means are made."""
        reports = self.settings.reports
        return {"confidence": reports.confidence, "resamples": reports.bootstrap}

    def seed(self, *parts: str) -> int:
        """A seed for one number of the reports, from names alone."""
        return derive_seed("reports", self.settings.seed, *parts)

    def provenance(self, methods: Iterable[str], column: str) -> str:
        """The distinct values of a provenance column over the rows of ``methods``, joined by commas."""
        found: set[str] = set()
        for method in methods:
            rows = self.results(method)
            if column in rows:
                found |= set(rows[column].dropna().astype(str))
        return ", ".join(sorted(found)) or "not recorded"


def open_run(settings: Settings, root: str | Path = ".", parser: Parser | None = None) -> Run:
    """Return the run that lives in ``root``, its results to be looked at with ``parser``."""
    return Run(settings, Path(root), parser)
