"""Pages: one HTML file that answers "what if" offline: of a decision, a study, a design.

    from scalejax import pages

    pages.page(fit, "page.html")

- `page`, `render`, `content`: the page as a file, as text, and as plain values. `check_page_path`
  refuses beforehand.
- `javascript`: a JAX function of single numbers as JavaScript, from its trace
  (`scalejax.pages.translate`); `arithmetic`: the law and the costs of a plan (`Arithmetic`).
- `together`: families put together by random effects, as the page of a study has them.

A page holds its data, a few scripts and a policy that lets in nothing else: no request, no other
script. The arithmetic is never written a second time: `scalejax.pages.translate` writes it from the
law's own operations. Pictures are SVG by a small script of ours, so that they print as lines.
"""

from scalejax.pages.arithmetic import Arithmetic as Arithmetic
from scalejax.pages.arithmetic import arithmetic as arithmetic
from scalejax.pages.page import check_page_path as check_page_path
from scalejax.pages.page import content as content
from scalejax.pages.page import page as page
from scalejax.pages.page import render as render
from scalejax.pages.study import together as together
from scalejax.pages.translate import javascript as javascript
