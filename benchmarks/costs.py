"""What processes cost, and the arithmetic over it: ratios in pairs, medians, parts, exponents."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

_RUN_ONE = Path(__file__).with_name("run_one.py")


class MeasurementError(Exception):
    """A command could not be started, or ended with a status that is none of its normal ones."""


@dataclass(frozen=True)
class Cost:
    """What one run of a command took.

    Attributes:
        processor: Seconds of processor time, user and system, of the process and its children.
        wall: Seconds from its start to its end.
        peak: The highest resident memory of any one of its processes, in MiB.
    """

    processor: float
    wall: float
    peak: float

    def extrapolated(self, smaller: Cost, factor: float) -> Cost:
        """What more of the same input would take, on the line through this cost and a smaller one.

        A plain multiple would be too high: the start of the process, and what all files have in
        common, such as modules that they import, is paid once.

        Args:
            smaller: What a smaller part of the input takes.
            factor: How many times the step from there to this cost has to be gone.

        Memory stays as measured, for how it grows is not known.
        """
        return Cost(
            smaller.processor + max(self.processor - smaller.processor, 0) * factor,
            smaller.wall + max(self.wall - smaller.wall, 0) * factor,
            self.peak,
        )


def run(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    folder: Path,
    normal: frozenset[int] = frozenset({0}),
) -> Cost:
    """Run a command to its end in a folder, and say what it took.

    Raises:
        MeasurementError: It ended with a status that is not among the normal ones. The message has
            the end of what it wrote to standard error.
    """
    with tempfile.NamedTemporaryFile("r", encoding="ascii", suffix=".cost") as figures:
        # Neither site nor the environment may make the process that measures larger.
        runner = [sys.executable, "-I", "-S", str(_RUN_ONE), figures.name, *command]
        done = subprocess.run(
            runner, env=environment, cwd=folder, stderr=subprocess.PIPE, text=True, check=False
        )
        words = figures.read().split()
    if done.returncode != 0 or not words or int(words[0]) not in normal:
        status = words[0] if words else "unknown"
        raise MeasurementError(
            f"`{' '.join(command)}` ended with status {status}: {done.stderr.strip()[-500:]}"
        )
    return Cost(float(words[1]), float(words[2]), int(words[3]) / 1024)


@dataclass(frozen=True)
class Comparison:
    """Medians over all rounds: of each side's costs, and of the ratios within a round."""

    ours: Cost
    theirs: Cost
    ratio: Cost
    wall_difference: float


def compare(ours: Sequence[Cost], theirs: Sequence[Cost]) -> Comparison:
    """Compare costs that were taken in turns: the n-th of one side with the n-th of the other.

    A ratio within a round is what counts: a machine that is slow for a while is slow for both.
    """
    pairs = list(zip(ours, theirs, strict=True))
    return Comparison(
        ours=median_cost(ours),
        theirs=median_cost(theirs),
        ratio=median_cost(
            [
                Cost(our.processor / their.processor, our.wall / their.wall, our.peak / their.peak)
                for our, their in pairs
            ]
        ),
        wall_difference=median(our.wall - their.wall for our, their in pairs),
    )


def median_cost(costs: Sequence[Cost]) -> Cost:
    """The median of each figure by itself."""
    return Cost(
        median(cost.processor for cost in costs),
        median(cost.wall for cost in costs),
        median(cost.peak for cost in costs),
    )


def steps(whole: int, part: int, smaller: int) -> float:
    """How many times the step from a smaller part to a part leads from there to the whole.

    All are sizes in bytes.

    Raises:
        MeasurementError: The parts do not differ, so that nothing can be concluded from them.
    """
    if part <= smaller:
        raise MeasurementError("the corpus is too small for parts of it; use --sample 1")
    return (whole - smaller) / (part - smaller)


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The slope of the logarithms, by least squares: 1 where the values grow as the sizes do.

    Raises:
        ValueError: There are fewer than two different sizes, or something is not positive.
    """
    xs, ys = [math.log(size) for size in sizes], [math.log(value) for value in values]
    if len(set(xs)) < 2:
        raise ValueError("an exponent needs two different sizes")
    mean_x, mean_y = sum(xs) / len(xs), sum(ys) / len(ys)
    above = sum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    return above / sum((x - mean_x) ** 2 for x in xs)
