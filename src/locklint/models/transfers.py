"""Tables of calls that move data: to another computer, into a database, or into a file.

A row names the types on which a method is called, each as the resolver knows it: a class, or the
function that gives the object. Facts are those of CPython 3.11 to 3.13, requests 2.32, httpx 0.28,
urllib3 2.2 and redis 5.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec


class Transfers(msgspec.Struct, frozen=True):
    """Calls that move data: functions of a module, or methods of some types.

    ``shown`` is the owner in messages. ``timeout`` is the position of the argument of that name, of
    all of these calls; None if it has to be named.
    """

    shown: str
    owners: tuple[str, ...]
    names: tuple[str, ...]
    timeout: int | None = None

    def dotted(self) -> Iterator[tuple[str, str]]:
        """Yield the dotted name of each call, and the name of it in messages."""
        for owner in self.owners:
            for name in self.names:
                yield f"{owner}.{name}", f"{self.shown}.{name}"


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_SAFE_SOCKETS = _words(
    "ssl.SSLSocket ssl.wrap_socket ssl.SSLContext.wrap_socket()"
    " ssl.create_default_context.wrap_socket()"
)
_SOCKETS = (
    *_words("socket.socket socket.create_connection socket.create_server"),
    *_SAFE_SOCKETS,
)
_VERBS = _words("delete get head options patch post put request")
_SESSIONS = _words("requests.Session requests.session requests.sessions.Session")
_STORES = _words("sqlite3.Connection sqlite3.connect sqlite3.dbapi2.connect")
_CURSORS = ("sqlite3.Cursor", *(f"{store}.cursor()" for store in _STORES))
_FILES = _words("builtins.open io.open os.fdopen gzip.open bz2.open lzma.open")
_PATHS = _words("pathlib.Path pathlib.PosixPath pathlib.WindowsPath")
_REDIS = _words("redis.Redis redis.StrictRedis redis.client.Redis redis.from_url")

REMOTE = (
    Transfers("socket", ("socket",), ("create_connection",), timeout=1),
    Transfers("socket", ("socket",), _words("getaddrinfo gethostbyaddr gethostbyname")),
    Transfers(
        "socket",
        _SOCKETS,
        _words(
            "accept connect connect_ex recv recv_into recvfrom recvfrom_into recvmsg send sendall"
            " sendfile sendmsg sendto"
        ),
    ),
    Transfers("ssl", _SAFE_SOCKETS, _words("do_handshake read write")),
    Transfers("select", ("select",), ("select",), timeout=3),
    Transfers("select", _words("select.poll select.epoll"), ("poll",), timeout=0),
    Transfers(
        "selectors",
        _words("selectors.DefaultSelector selectors.SelectSelector selectors.PollSelector"),
        ("select",),
        timeout=0,
    ),
    Transfers("ssl", ("ssl",), ("get_server_certificate",)),
    Transfers(
        "ssl", _words("ssl ssl.SSLContext ssl.create_default_context"), _words("wrap_socket")
    ),
    Transfers("requests", ("requests", "requests.api", *_SESSIONS), _VERBS),
    Transfers("requests", _SESSIONS, ("send",)),
    Transfers("urllib", ("urllib.request",), ("urlopen",), timeout=2),
    Transfers("urllib", ("urllib.request",), ("urlretrieve",)),
    Transfers("urllib3", _words("urllib3 urllib3.PoolManager"), _words("request urlopen")),
    Transfers(
        "http.client",
        _words("http.client.HTTPConnection http.client.HTTPSConnection"),
        _words("connect endheaders getresponse request send"),
    ),
    Transfers("httpx", _words("httpx httpx.Client"), (*_VERBS, "send", "stream")),
    Transfers("sqlite3", _words("sqlite3 sqlite3.dbapi2"), ("connect",), timeout=1),
    Transfers("sqlite3", _STORES, _words("backup commit execute executemany executescript")),
    Transfers("sqlite3", _CURSORS, _words("execute executemany executescript fetchall fetchmany")),
    Transfers(
        "redis",
        _REDIS,
        _words(
            "blpop brpop decr delete eval execute_command exists expire flushall flushdb get hdel"
            " hget hgetall hset incr keys lpop lpush lrange mget mset ping publish rpop rpush sadd"
            " scan set setex setnx smembers srem zadd zrange zrem"
        ),
    ),
)
"""Calls that wait for another computer, or for a database."""

LOCAL = (
    Transfers("file", _FILES, _words("flush read readline readlines write writelines")),
    Transfers("os", ("os",), _words("fsync fdatasync")),
    Transfers("subprocess", ("subprocess",), ("Popen",)),
    Transfers("shutil", ("shutil",), _words("copy copy2 copyfile copytree move rmtree")),
    Transfers("Path", _PATHS, _words("read_bytes read_text write_bytes write_text")),
)
"""Calls that read or write a file, or start a program. They are short, and there are many."""
