"""How time and memory grow with the code: python -m benchmarks.scaling [OPTIONS].

Scans trees of growing size with whole processes, and fits the exponents: 1 where a figure grows as
the lines do. The trees are generated ones, or real code: the packages of a folder, taken one after
the other and from the beginning again under other names, until there are enough lines. The names of
those packages are replaced wherever they stand in the copy, so that each copy is a program of its
own; names of Python's own library stay.

A tree is written, scanned and removed before the next one is made. 15 million lines take half a
gigabyte of disk.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click

from benchmarks import costs, generated_tree, opponents
from benchmarks.corpora import Corpus
from benchmarks.costs import Cost, MeasurementError
from benchmarks.subject import Locklint
from benchmarks.table import figure, print_rows

SIZES = "0.1,0.3,1,3,15"
HEADINGS = (
    *("tree", "lines", "files", "MB of source", "CPU s", "wall s", "peak MiB"),
    "CPU s per million lines",
)


def copy_real(root: Path, folder: Path, lines: int) -> None:
    """Copy the packages of a folder again and again, renamed, until there are so many lines.

    Args:
        root: A folder that holds packages and modules, or folders that do.
        folder: Where to, which is made.
        lines: How many at least; the last of those folders is copied whole.

    Raises:
        MeasurementError: There is no Python code in the folder, or it is itself a package, which
            could not be renamed.
    """
    if (root / "__init__.py").is_file():
        raise MeasurementError(f"{root} is a package; give the folder that holds it")
    own = importable_names([root])
    distributions = [root] if own else [path for path in sorted(root.iterdir()) if path.is_dir()]
    # Otherwise a copy of Python's library had no locks of the names that are known.
    names = (own or importable_names(distributions)) - sys.stdlib_module_names
    written = 0
    for copy, distribution in _again_and_again(distributions):
        for file in sorted(distribution.rglob("*.py")):
            source, path = file.read_bytes(), file.relative_to(distribution)
            if copy:
                source, path = renamed(source, names, copy), _renamed_path(path, names, copy)
            target = folder / f"copy{copy}" / distribution.name / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(source)
            written += source.count(b"\n")
        if written >= lines:
            return
        if distribution == distributions[-1] and written == 0:
            break
    raise MeasurementError(f"{root} holds no Python code in packages or modules")


def importable_names(distributions: Sequence[Path]) -> frozenset[str]:
    """The top-level packages and modules of some distributions."""
    found = set()
    for distribution in distributions:
        for path in distribution.iterdir():
            name = path.stem if path.suffix == ".py" else path.name
            if name.isidentifier() and (path.suffix == ".py" or (path / "__init__.py").is_file()):
                found.add(name)
    return frozenset(found)


def renamed(source: bytes, names: frozenset[str], copy: int) -> bytes:
    """The source with each of the names replaced by that of a copy, wherever it is a word."""
    words = "|".join(map(re.escape, sorted(names)))
    return re.sub(rb"\b(%s)\b" % words.encode(), rb"\g<1>_%d" % copy, source) if names else source


def _renamed_path(path: Path, names: frozenset[str], copy: int) -> Path:
    first, *inner = path.parts
    stem, dot, suffix = first.partition(".")
    return Path(f"{stem}_{copy}{dot}{suffix}" if stem in names else first, *inner)


def _again_and_again(distributions: Sequence[Path]) -> Iterator[tuple[int, Path]]:
    copy = 0
    while distributions:
        for distribution in distributions:
            yield copy, distribution
        copy += 1


def measure(
    name: str,
    sizes: Sequence[int],
    make: Callable[[Path, int], None],
    locklint: Locklint,
    jobs: int,
    temporary: Path,
) -> list[tuple[str, ...]]:
    """Scan a tree of each size, and give the rows of the table, the exponents last."""
    rows: list[tuple[str, ...]] = []
    measured: list[tuple[Corpus, Cost]] = []
    for size in sizes:
        folder = temporary / "tree"
        make(folder, size)
        tree = Corpus.of(folder)
        command = locklint.check(tree.paths, jobs=jobs)
        environment = opponents.environment(temporary)
        # Counted now, for the tree is gone when it has been scanned.
        lines, files, size_in_bytes = tree.lines, len(tree.files), tree.bytes
        print(f"  {name}, {lines:,} lines", end="", file=sys.stderr, flush=True)
        try:
            cost = costs.run(command, environment=environment, folder=temporary)
        except MeasurementError as error:
            print(file=sys.stderr)
            rows.append((name, f"{lines:,}", f"{files:,}", "", "", "", "", f"FAILED: {error}"))
            break
        finally:
            shutil.rmtree(folder)
        print(f": {cost.processor:.1f} s CPU, {cost.peak:.0f} MiB", file=sys.stderr, flush=True)
        measured.append((tree, cost))
        rows.append(
            (
                *(name, f"{lines:,}", f"{files:,}", f"{size_in_bytes / 1e6:.1f}"),
                *(figure(cost.processor), figure(cost.wall), f"{cost.peak:.0f}"),
                figure(cost.processor / lines * 1e6),
            )
        )
    if len(measured) > 1:
        rows.append(exponents(name, "exponent", measured))
    if len(measured) > 2:
        # What grows faster only late is hidden in a fit over all.
        rows.append(exponents(name, "of the last step", measured[-2:]))
    return rows


def exponents(name: str, label: str, measured: Sequence[tuple[Corpus, Cost]]) -> tuple[str, ...]:
    """The row of the exponents that are fitted over these trees."""
    lines = [tree.lines for tree, _ in measured]
    figures = [(cost.processor, cost.wall, cost.peak) for _, cost in measured]
    fitted = [costs.exponent(lines, values) for values in zip(*figures, strict=True)]
    return (name, label, "", "", *(f"{value:.2f}" for value in fitted), "")


def _sizes(_: click.Context, __: click.Parameter, value: str) -> list[int]:
    try:
        sizes = [round(float(size) * 1e6) for size in value.split(",")]
    except ValueError as error:
        raise click.BadParameter("sizes are numbers with commas between them") from error
    if min(sizes) <= 0:
        raise click.BadParameter("a size is positive")
    return sizes


@click.command(help=__doc__, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--sizes", default=SIZES, show_default=True, callback=_sizes, help="In millions of lines."
)
@click.option(
    "--real",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder with real packages; may be repeated.",
)
@click.option("--generated/--no-generated", default=True, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True)
@click.option("--locklint", "command", default="", metavar="COMMAND", help="Another locklint.")
@click.option("--arguments", default="", help="Further arguments for `locklint check`.")
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
def main(
    sizes: list[int],
    real: tuple[Path, ...],
    generated: bool,
    jobs: int,
    command: str,
    arguments: str,
    markdown: bool,
) -> None:
    """Measure the trees that are asked for, and print one table."""
    try:
        locklint = Locklint(command, arguments)
    except MeasurementError as error:
        raise click.UsageError(str(error)) from error
    print(f"{locklint.version}, commit {locklint.revision()}, {jobs} jobs, one run each\n")
    rows: list[tuple[str, ...]] = []
    # Outside the checkout, where no .gitignore keeps files from being scanned.
    with tempfile.TemporaryDirectory(prefix="scaling-") as name:
        temporary = Path(name).resolve()
        try:
            if generated:
                make = generated_tree.write
                rows += measure("generated", sizes, make, locklint, jobs, temporary)
            for root in real:
                rows += measure(root.name, sizes, _copier(root), locklint, jobs, temporary)
        except MeasurementError as error:
            raise click.UsageError(str(error)) from error
    print()
    print_rows(HEADINGS, rows, markdown=markdown)


def _copier(root: Path) -> Callable[[Path, int], None]:
    return lambda folder, lines: copy_real(root.resolve(), folder, lines)


if __name__ == "__main__":
    main()
