"""How Sphinx builds the documentation: ``python3 scripts/docs.py``."""

from __future__ import annotations

from locklint import __version__

project = "locklint"
author = "The locklint authors"
copyright = author
release = version = __version__

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build", "schema"]
html_theme = "furo"
html_title = f"locklint {__version__}"
html_copy_source = False
html_static_path = ["_static"]
html_css_files = ["site.css"]
# Without a network: nothing is loaded from elsewhere when a page is read.
html_show_sphinx = False
myst_heading_anchors = 3
nitpicky = True
