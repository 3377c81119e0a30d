"""The renderer's hash: another picture is another version, another comment is not."""

from __future__ import annotations

import json

from loho_bench.portraits.synthetic.version import _meaning, renderer_hash
from loho_bench.weights.embedded import FOLDER

SOURCE = '''"""What it is."""

WIDTH = 2  # pixels


def area(side):
    """Square."""
    return side * WIDTH
'''
OTHER_LAYOUT = '''"""Other words."""
WIDTH = 2
def area(side):
    """Words."""
    return (side
            * WIDTH)
'''


def test_comments_docstrings_and_layout_do_not_count():
    assert _meaning(SOURCE) == _meaning(OTHER_LAYOUT)


def test_code_counts():
    assert _meaning(SOURCE) != _meaning(SOURCE.replace("= 2", "= 3"))
    assert _meaning(SOURCE) != _meaning(SOURCE.replace("side * WIDTH", "side + WIDTH"))
    assert _meaning(SOURCE) != _meaning(SOURCE.replace('"""Square."""', 'side = "s"'))


def test_the_shipped_networks_learned_from_this_renderer():
    """Files that draw no portrait come and go without making training portraits and cards stale."""
    for name in ("generator", "inpainter"):
        assert json.loads((FOLDER / f"{name}.json").read_text())["renderer"] == renderer_hash()
