"""Bytes to text: every odd file gets a clear answer with its line."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from locklint.engine import read
from locklint.engine.read import ReadProblem, decode, read_bytes


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        ("é = 1\n".encode(), "é = 1\n"),
        (b"\xef\xbb\xbfx = 1\n", "x = 1\n"),
        (b"\xef\xbb\xbf# coding: utf-8\n", "# coding: utf-8\n"),
        (b"a\r\nb\rc\nd\r\r\n", "a\nb\nc\nd\n\n"),
        (b"a\n\x0cb\n", "a\n\x0cb\n"),
        (b"# coding: latin-1\n'\xe9'\n", "# coding: latin-1\n'é'\n"),
        (b"#!/usr/bin/python\n# -*- coding: latin-1-unix -*-\n'\xe9'", None),
        (
            b"\n# vim: fileencoding=iso-8859-15 :\n'\xa4'",
            "\n# vim: fileencoding=iso-8859-15 :\n'€'",
        ),
        (b"# coding: utf-8-unix\r'\xc3\xa9'", "# coding: utf-8-unix\n'é'"),
        (b"# coding: cp932\n'\x83\x5c'", "# coding: cp932\n'ソ'"),
    ],
)
def test_decodes(data: bytes, text: str | None) -> None:
    assert decode(data) == (data.decode("latin-1") if text is None else text)


NOT_UTF8 = "byte 0xe9 is not valid UTF-8, and no other encoding is declared"


@pytest.mark.parametrize(
    ("data", "message", "line"),
    [
        (b"x = 1\n# caf\xe9\n", NOT_UTF8, 2),
        (b"a\r\nb\r'\xe9'\n", NOT_UTF8, 3),
        (b"\xef\xbb\xbf'\xe9", NOT_UTF8, 1),
        (b"x = 1\n# coding: latin-1\n'\xe9'\n", NOT_UTF8, 3),
        (b"a\nb\0c\n", "the file contains a null byte, which is not allowed in source files", 2),
        (
            b"# coding: ascii\n\n'\xe9'\n",
            "byte 0xe9 is not valid in the declared encoding, ascii",
            3,
        ),
        (b"\n# coding: klingon\n", "the declared encoding, klingon, is unknown", 2),
        (b"# coding: rot13\n", "the declared encoding, rot13, is unknown", 1),
        (b"# coding: zlib\n", "the declared encoding, zlib, is unknown", 1),
        (b"# coding: idna\n", "the declared encoding, idna, is unknown", 1),
        (b"# coding: undefined\n", "the declared encoding, undefined, is unknown", 1),
        (
            b"\xef\xbb\xbf# coding: latin-1\n",
            "a byte-order mark says UTF-8, but the file declares the encoding latin-1",
            1,
        ),
        (
            "x = 1\n".encode("utf-16"),
            "the file is in UTF-16 or UTF-32, which is not allowed for source files",
            1,
        ),
    ],
)
def test_refuses_with_the_line(data: bytes, message: str, line: int) -> None:
    with pytest.raises(ReadProblem) as caught:
        decode(data)
    assert (caught.value.message, caught.value.line) == (message, line)


def test_decoding_agrees_with_the_compiler_on_every_encoding() -> None:
    for name in (
        "utf-8",
        "latin-1",
        "iso8859-15",
        "cp1252",
        "koi8-r",
        "shift_jis",
        "gbk",
        "mac-roman",
    ):
        text = {"shift_jis": "ソ", "gbk": "你好", "koi8-r": "привет"}.get(name, "é")
        data = f"# coding: {name}\nvalue = '{text}'\n".encode(name)
        scope: dict[str, object] = {}
        exec(compile(data, "<data>", "exec"), scope)
        assert f"'{scope['value']}'" in decode(data)


def test_reads_regular_files(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    file.write_bytes(b"x = 1\r\n")
    assert read_bytes(str(file)) == b"x = 1\r\n"
    (tmp_path / "link.py").symlink_to(file)
    assert read_bytes(str(tmp_path / "link.py")) == b"x = 1\r\n"


def test_special_files_never_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(ReadProblem, match="not a regular file"):
        read_bytes(str(tmp_path / "pipe.py"))
    with pytest.raises(ReadProblem, match="not a regular file"):
        read_bytes("/dev/zero")
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket.py")
        with pytest.raises(ReadProblem, match="the file cannot be read"):
            read_bytes("socket.py")


def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    for path, message in [
        (str(tmp_path / "gone.py"), "the file cannot be read: No such file or directory"),
        (str(tmp_path), "the file cannot be read: Is a directory"),
        ("a\0b", "the file cannot be read: not a valid path"),
    ]:
        with pytest.raises(ReadProblem) as caught:
            read_bytes(path)
        assert caught.value.message == message


def test_unreadable_files_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: str, flags: int) -> int:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(ReadProblem, match="the file cannot be read: Permission denied"):
        read_bytes(str(tmp_path / "x.py"))


def test_huge_files_are_not_read(tmp_path: Path) -> None:
    huge = tmp_path / "huge.py"
    with huge.open("wb") as file:
        file.truncate(read.MOST_BYTES + 1)
    with pytest.raises(ReadProblem, match="is larger than 64 MiB"):
        read_bytes(str(huge))
