"""The figures of the reports: what they show is chosen by rules, drawn from this run's data alone."""
