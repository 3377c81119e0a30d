"""Widths of Graphonomy at which a test takes no time: unlike ones, and the same everywhere."""

SMALL = {
    "stem": (8, 8),
    "entry": (8, 16, 24),
    "middle_blocks": 1,
    "exit": (24, 24, 32, 32),
    "aspp_width": 8,
    "aspp_rates": (1, 2, 3),
    "low_level_width": 4,
    "decoder_width": 8,
    "hidden": 6,
}

TINY = {
    "stem": (8, 8),
    "entry": (8, 8, 8),
    "middle_blocks": 1,
    "exit": (8, 8, 8, 8),
    "aspp_width": 8,
    "aspp_rates": (1, 2, 3),
    "low_level_width": 8,
    "decoder_width": 8,
    "hidden": 8,
}
