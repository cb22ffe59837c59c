"""A report of a fit: one HTML file with the verdict first, readable offline and on paper.

    from scalejax import reporting

    reporting.write(fit, "report.html")
    reporting.render(fit, budgets=[1e24], discrepancy=0.005)      # the page as text

- `write`, `render`: the page. It holds no script and loads nothing.
- `content`, `Asked`: the same as plain data, section by section, with the frames behind it.
- `to_html`, `save`, `save_tables`: the parts of `write`; tables are CSV files that a spreadsheet
  cannot mistake for formulas. `check_path` and `check_folder` refuse beforehand.
- `saved_answers`: what you answered of the reporting checklist when you saved a fit.

What a fit cannot answer, such as intervals without resamples or isoFLOP slices of a law of one
input, stands in the report with the reason.
"""

from scalejax.reporting.assembly import Asked as Asked
from scalejax.reporting.assembly import content as content
from scalejax.reporting.blocks import Report as Report
from scalejax.reporting.manifest import saved_answers as saved_answers
from scalejax.reporting.page import check_folder as check_folder
from scalejax.reporting.page import check_path as check_path
from scalejax.reporting.page import render as render
from scalejax.reporting.page import save as save
from scalejax.reporting.page import save_tables as save_tables
from scalejax.reporting.page import to_html as to_html
from scalejax.reporting.page import write as write
