"""Curation: from annotated portraits to tuples in the categories of Table 1."""
