"""The tables of the reports: each a function from a run to a table, written in three forms."""
