"""How the pages are built: `python -m sphinx -W notebooks/site build/site`, without a network."""

import sys
from importlib.metadata import version as version_of
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

project = "scalejax"
author = copyright = "The scalejax developers"
version = release = version_of("scalejax")

extensions = [
    *("sphinx.ext.autodoc", "sphinx.ext.napoleon", "myst_nb"),
    *("made", "docstrings", "formulas"),
]
exclude_patterns = ["README.md"]
smartquotes = False  # quotes belong to code here
default_role = "py:obj"  # single backticks in docstrings name things

autodoc_member_order = "bysource"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
python_maximum_signature_line_length = 88
python_use_unqualified_type_names = True

myst_enable_extensions = ["dollarmath", "colon_fence", "deflist"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # notebooks are kept with their outputs, which a test compares

html_theme = "furo"
html_title = "scalejax"
html_math_renderer = "mathml"
html_static_path, html_css_files = ["style"], ["site.css"]
html_copy_source = html_show_sourcelink = False
