"""The folder of the cache: made with a mark, refused where it holds links, and removed.

It may come with the code that is analysed, made by an attacker. So a folder that holds a link or a
special file is refused.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from locklint.engine.read import read_file
from locklint.engine.write_file import leads_out, replace_file

FOLDER = ".locklint_cache"

_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n# This folder is a cache of locklint's.\n"


def refusal(folder: Path) -> str:
    """Return why a cache folder is left alone; empty if it holds plain files, or is not there.

    A checkout can bring a folder in which names are links to files of the user's, or pipes. Raise
    `OSError` where the folder cannot be looked at.
    """
    if leads_out(str(folder.parent)):
        return f"{folder}: a symbolic link leads there, out of the working directory"
    try:
        if stat.S_ISLNK(os.lstat(folder).st_mode):
            return f"{folder}: is a symbolic link"
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries]
    except FileNotFoundError:
        return ""
    for name in sorted(names):
        try:
            status = os.lstat(folder / name)
        except FileNotFoundError:
            continue  # It was a temporary file of another run.
        if stat.S_ISLNK(status.st_mode):
            return f"{folder / name}: is a symbolic link"
        if not stat.S_ISREG(status.st_mode):
            return f"{folder / name}: is not a regular file"
        if status.st_nlink > 1:
            return f"{folder / name}: is a hard link to another file"
    return ""


def prepare(folder: Path) -> str:
    """Make a cache folder, marked as such, where it is not there yet; why not, if it cannot be."""
    tag = folder / "CACHEDIR.TAG"
    try:
        if not tag.is_file():
            folder.mkdir(parents=True, exist_ok=True)
            replace_file(str(folder / ".gitignore"), b"*\n")
            replace_file(str(tag), _TAG.encode())
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    return ""


def clean(folder: Path) -> bool:
    """Remove a cache folder; whether there was one. Raise `OSError`, for a link too.

    A folder without the mark that locklint makes is not one of its own, and is left alone.
    """
    if folder.is_symlink():
        raise OSError(errno.EINVAL, "it is a symbolic link", str(folder))
    try:
        own = read_file(folder / "CACHEDIR.TAG", len(_TAG), follow=False) == _TAG.encode()
    except OSError:
        own = False
    if own:
        import shutil

        shutil.rmtree(folder)
    return own
