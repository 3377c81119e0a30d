"""Tables, figures and the page. They read scores and results, and compute summaries and FID alone."""
