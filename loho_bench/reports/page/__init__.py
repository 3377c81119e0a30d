"""``reports/index.html``: the whole run on one page that needs no other file and no network."""

from loho_bench.reports.page.document import write_page

__all__ = ["write_page"]
