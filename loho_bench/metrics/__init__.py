"""Scores: one file a metric, each a pure function, and the statistics over tuples.

Images are uint8 ``[H, W, 3]`` RGB and masks boolean ``[H, W]``, except where a network looks at them: there
images are float32 ``[N, 3, H, W]`` in [-1, 1]. Import a metric from its file; this page gives the list.
"""

from loho_bench.metrics.spec import METRICS, MetricSpec, get_metric

__all__ = ["METRICS", "MetricSpec", "get_metric"]
