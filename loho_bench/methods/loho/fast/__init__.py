"""LOHO's fast profile, beyond the paper: less work for nearly the same result.

Read in this order: ``phases`` and ``plateau`` (when what is computed), ``start`` (from where), ``search``
(the loop), ``method``.
"""
