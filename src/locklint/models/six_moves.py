"""Names of ``six.moves``: the standard library's own names in Python 3.

Programs that also run on Python 2 import from there what has moved. A copy of six inside another
package (``requests.packages.six``) means the same.
"""

from __future__ import annotations

_MODULES = {
    "BaseHTTPServer": "http.server",
    "CGIHTTPServer": "http.server",
    "SimpleHTTPServer": "http.server",
    "cPickle": "pickle",
    "html_entities": "html.entities",
    "html_parser": "html.parser",
    "http_client": "http.client",
    "http_cookiejar": "http.cookiejar",
    "http_cookies": "http.cookies",
    "urllib_error": "urllib.error",
    "urllib_parse": "urllib.parse",
    "urllib_robotparser": "urllib.robotparser",
    "xmlrpc_client": "xmlrpc.client",
    "xmlrpc_server": "xmlrpc.server",
}
_NAMES = {
    **{name: f"builtins.{name}" for name in ("filter", "input", "map", "range", "zip")},
    "StringIO": "io.StringIO",
    "UserDict": "collections.UserDict",
    "UserList": "collections.UserList",
    "UserString": "collections.UserString",
    "cStringIO": "io.StringIO",
    "filterfalse": "itertools.filterfalse",
    "getcwd": "os.getcwd",
    "getcwdb": "os.getcwdb",
    "getoutput": "subprocess.getoutput",
    "intern": "sys.intern",
    "reduce": "functools.reduce",
    "reload_module": "importlib.reload",
    "shlex_quote": "shlex.quote",
    "xrange": "builtins.range",
    "zip_longest": "itertools.zip_longest",
}
_MOVED = {**_MODULES, **_NAMES}


def standard_name(dotted: str) -> str:
    """Return the standard library's name of a dotted name, unchanged if six has not moved it."""
    package, found, rest = dotted.partition("six.moves.")
    if not found or (package and not package.endswith(".")):
        return dotted
    first, dot, attributes = rest.partition(".")
    return f"{_MOVED.get(first, first)}{dot}{attributes}"
