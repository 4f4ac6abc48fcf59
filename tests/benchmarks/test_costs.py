"""The arithmetic of the benchmarks, and that a process is measured rather than its starter."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from benchmarks.costs import Cost, MeasurementError, compare, exponent, median_cost, run, steps


def test_ratios_are_taken_within_a_round() -> None:
    # The machine is ten times slower in the second round, for both sides.
    ours = [Cost(1, 2, 30), Cost(10, 20, 30), Cost(1.5, 2, 60)]
    theirs = [Cost(2, 1, 10), Cost(20, 10, 10), Cost(2, 2, 10)]
    compared = compare(ours, theirs)
    assert compared.ratio == Cost(0.5, 2, 3)
    assert compared.ours == Cost(1.5, 2, 30)
    assert compared.theirs == Cost(2, 2, 10)
    assert compared.wall_difference == 1


def test_rounds_must_be_pairs() -> None:
    with pytest.raises(ValueError, match="shorter"):
        compare([Cost(1, 1, 1)], [])


def test_each_figure_has_its_own_median() -> None:
    assert median_cost([Cost(1, 30, 5), Cost(2, 10, 6)]) == Cost(1.5, 20, 5.5)


def test_the_whole_lies_on_the_line_through_two_parts() -> None:
    # 1 s of processor and 2 s of wall time at the start, then 0.02 and 0.01 s for each byte.
    part, smaller = Cost(3, 3, 40), Cost(2, 2.5, 30)
    factor = steps(whole=500, part=100, smaller=50)
    assert factor == 9
    assert part.extrapolated(smaller, factor) == Cost(11, 7, 40)
    # What is slower by chance makes nothing negative.
    assert smaller.extrapolated(part, 9) == Cost(3, 3, 30)


def test_equal_parts_say_nothing() -> None:
    with pytest.raises(MeasurementError, match="too small"):
        steps(whole=500, part=100, smaller=100)


@pytest.mark.parametrize("power", [0.5, 1, 2])
def test_the_exponent_of_a_power_is_found(power: float) -> None:
    sizes = [100, 1_000, 30_000]
    assert exponent(sizes, [7 * size**power for size in sizes]) == pytest.approx(power)


def test_an_exponent_needs_two_sizes() -> None:
    with pytest.raises(ValueError, match="two different sizes"):
        exponent([10, 10], [1, 2])


def test_the_costs_of_a_process_and_its_child(tmp_path: Path) -> None:
    child = "data = bytearray(60_000_000); sum(range(2_000_000))"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    command = [sys.executable, "-I", "-c", program]
    alone = run([sys.executable, "-I", "-c", "pass"], environment=os.environ, folder=tmp_path)
    cost = run(command, environment=os.environ, folder=tmp_path)
    assert cost.peak > alone.peak + 40
    assert cost.processor > alone.processor
    # The process that runs the tests is larger than that, and must not be counted.
    assert 0 < alone.peak < 40


def test_a_status_that_is_not_normal_is_an_error(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import sys; sys.exit('no such luck')"]
    with pytest.raises(MeasurementError, match=r"(?s)status 1: .*no such luck"):
        run(command, environment=os.environ, folder=tmp_path)
    run(command, environment=os.environ, folder=tmp_path, normal=frozenset({0, 1}))


def test_a_program_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MeasurementError, match="no-such-program"):
        run(["no-such-program"], environment=os.environ, folder=tmp_path)
