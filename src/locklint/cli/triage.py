"""Leaves out findings before a report is shown: known, unchanged and suppressed ones."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from locklint.cli.exit_status import ExitStatus
from locklint.cli.output import Failure, reason, write_error, write_note

if TYPE_CHECKING:
    from collections.abc import Callable

    from locklint.cli.request import Request
    from locklint.engine.baseline import Baseline, Judged
    from locklint.engine.report import Report
    from locklint.engine.settings import Settings


class Outcome(NamedTuple):
    """The report that is left, and the exit status that follows from the baseline alone."""

    report: Report
    status: int = ExitStatus.CLEAN


class Triage:
    """Compares a report with the baseline and with the changed lines.

    Raise `Failure` for a problem with either before the analysis begins.
    """

    def __init__(self, request: Request, settings: Settings) -> None:
        self._request = request
        self._quiet = request.quiet
        self._settings = settings
        self._baseline = self._read_baseline(settings)
        self._changes = None
        if request.changed_since is not None:
            from locklint.engine.changes import changes_since
            from locklint.engine.load_config import SettingsError

            try:
                self._changes = changes_since(request.changed_since, self._git_folder())
            except SettingsError as error:
                raise Failure(str(error)) from None

    def judge(self, report: Report) -> Outcome:
        """Return the part of a report to show; write the baseline if requested."""
        status: int = ExitStatus.CLEAN
        if self._baseline is not None:
            was_analysed = _analysed(self._request.paths, report)
            if self._request.update_baseline:
                return self._update(self._baseline, report, was_analysed)
            judged = self._baseline.judge(report.diagnostics, was_analysed)
            report = replace(report, diagnostics=judged.new, known=judged.known, compared=True)
            status = self._stale(self._baseline, judged, _incomplete(report))
        if self._changes is not None:
            changes, sources = self._changes, report.sources
            narrowed = report.only(lambda findings: changes.touched_by(findings, sources))
            hidden = len(report.diagnostics) - len(narrowed.diagnostics)
            report = narrowed
            if hidden:
                self._note(
                    f"{_counted(hidden, 'finding')} not shown: they involve no line changed since"
                    f" {self._request.changed_since}"
                )
        return Outcome(report, status)

    def _read_baseline(self, settings: Settings) -> Baseline | None:
        path = settings.config.baseline
        updates = self._request.update_baseline
        if path is None and not updates:
            if self._request.error_stale_baseline:
                raise Failure("--error-stale-baseline needs a baseline: add --baseline FILE")
            return None
        from locklint.engine.baseline import DEFAULT_NAME, Baseline
        from locklint.engine.load_config import SettingsError

        if path is None:
            path = os.path.join(settings.folder or os.getcwd(), DEFAULT_NAME)
        if updates and not os.path.isdir(os.path.dirname(path)):
            raise Failure(f"{path}: cannot be written: the folder does not exist")
        if updates:
            self._refuse_to_write_elsewhere(path)
        if updates and not os.path.lexists(path):
            return Baseline(os.path.abspath(path))
        try:
            return Baseline.read(path)
        except SettingsError as error:
            raise Failure(str(error)) from None

    def _git_folder(self) -> str:
        """Return the folder whose repository is used: that of the first path."""
        first = self._request.paths[0] if self._request.paths else os.curdir
        folder = first if os.path.isdir(first) else os.path.dirname(first)
        return folder if os.path.isdir(folder) else os.curdir

    def _update(
        self, baseline: Baseline, report: Report, was_analysed: Callable[[str], bool]
    ) -> Outcome:
        if report.errors:
            # The findings that an internal error has hidden would be missing from the file.
            raise Failure(f"{baseline.path}: not written: {_incomplete(report)}")
        unasked = self._request.hiding_options
        renewed = baseline.renewed(
            report.diagnostics, (lambda path: False) if unasked else was_analysed
        )
        before, after = Counter(baseline.entries), Counter(renewed.entries)
        is_first = not os.path.lexists(renewed.path)
        self._write(renewed)
        self._note(
            f"Wrote {_counted(after.total(), 'finding')} to the baseline"
            f" ({_shown(renewed.path)}): {(after - before).total()} added,"
            f" {(before - after).total()} removed"
        )
        if is_first:
            self._name_next_step(renewed.path)
        judged = renewed.judge(report.diagnostics, was_analysed)
        return Outcome(replace(report, diagnostics=judged.new, known=judged.known, compared=True))

    def _name_next_step(self, path: str) -> None:
        """Say how a new baseline is used."""
        if self._settings.config.baseline is not None and not self._request.names_baseline:
            self._note("Commit the file: `locklint check` now reports new findings only")
        else:
            inside = os.path.relpath(path, self._settings.folder or os.getcwd())
            self._note(
                f"Commit the file: `locklint check --baseline {_shown(path)}` reports new findings"
                f' only. With `baseline = "{inside}"` in the settings, the option is not needed'
            )

    def _stale(self, baseline: Baseline, judged: Judged, incomplete: str) -> int:
        """Remove fixed findings from the baseline, or report them; return the exit status.

        ``incomplete`` says why findings may be missing, if they may.
        """
        strict = self._request.error_stale_baseline
        hiding = self._request.hiding_options
        if hiding or incomplete:
            if strict or judged.stale:
                why = incomplete or f"`{'` and `'.join(hiding)}` may leave out findings"
                self._note(f"the baseline was not checked for fixed findings: {why}")
            return ExitStatus.CLEAN
        if judged.current == baseline.entries:
            return ExitStatus.CLEAN
        if not strict and not _in_ci():
            self._write(type(baseline)(baseline.path, judged.current))
            self._note(
                f"Removed {_counted(len(judged.stale), 'fixed finding')} from the baseline"
                f" ({_shown(baseline.path)})"
                if judged.stale
                else f"Updated paths in the baseline ({_shown(baseline.path)})"
            )
            return ExitStatus.CLEAN
        if not judged.stale:
            return ExitStatus.CLEAN
        many = _counted(len(judged.stale), "fixed finding")
        message = f"{many} in the baseline ({_shown(baseline.path)}): --update-baseline removes"
        message += " it" if len(judged.stale) == 1 else " them"
        for entry in judged.stale:
            self._note(f"fixed: {entry.path}: {entry.code} in {entry.function} ({entry.locks})")
        if strict:
            write_error(message)
            return ExitStatus.CLEAN if self._request.exit_zero else ExitStatus.FINDINGS
        self._note(message)
        return ExitStatus.CLEAN

    def _refuse_to_write_elsewhere(self, path: str) -> None:
        """Raise `Failure` for a file that settings, and not the user, want to be written to."""
        from locklint.engine.baseline import may_be_written

        folder = self._settings.folder
        if self._request.names_baseline or folder is None or may_be_written(path, folder):
            return
        raise Failure(
            f"{path}: cannot be written: it lies outside of the project, and is no baseline yet;"
            " name it with --baseline"
        )

    def _write(self, baseline: Baseline) -> None:
        self._refuse_to_write_elsewhere(baseline.path)
        try:
            baseline.write()
        except OSError as error:
            raise Failure(f"{baseline.path}: cannot be written: {reason(error)}") from None

    def _note(self, text: str) -> None:
        if not self._quiet:
            write_note(text)


def add_ignores(report: Report, why: str) -> Report:
    """Suppress all findings of a report by comments in their files; return the report of the rest.

    Raise `Failure` if a file could not be written.
    """
    from locklint.engine.add_ignore import add_ignores as write_comments
    from locklint.reporting.summary import not_analysed_line

    try:
        added = write_comments(report.diagnostics, report.sources, why)
    except ValueError as error:
        raise Failure(f"--add-ignore: {error}") from None
    for problem in added.problems:
        write_note(problem)
    findings = _counted(added.findings, "finding")
    write_note(f"Suppressed {findings} in {_counted(len(added.files), 'file')}.")
    missing = not_analysed_line(report.not_analysed)
    if missing:
        write_note(missing)
    if added.failed:
        raise Failure("--add-ignore: some files could not be changed")
    return replace(report, diagnostics=tuple(added.left))


def _analysed(paths: tuple[str, ...], report: Report) -> Callable[[str], bool]:
    """Return whether a run over ``paths`` looks at a real path, or would if the file existed."""
    files = {os.path.realpath(path) for path in report.files}
    folders = [os.path.join(os.path.realpath(path), "") for path in paths if os.path.isdir(path)]

    def was_analysed(path: str) -> bool:
        return path in files or any(path.startswith(folder) for folder in folders)

    return was_analysed


def _shown(path: str) -> str:
    from locklint.engine.compare import shown_path

    return shown_path(path)


def _incomplete(report: Report) -> str:
    """Return why a finding may be missing from a report that was there before; empty if it is not.

    A rule whose setting names nothing finds nothing, so its findings are not fixed.
    """
    if report.errors:
        return "the analysis is not complete"
    unknown = next((each.name for each in report.unknown_names if each.is_certain), None)
    return "" if unknown is None else f"the settings name `{unknown}`, which does not exist"


def _in_ci() -> bool:
    return os.environ.get("CI", "").casefold() not in ("", "0", "false", "no")


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
