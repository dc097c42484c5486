"""What any check says: one shape for data checks, doctor, reports, divergence, series and board."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

Severity = Literal["error", "warning", "note"]
Plain = str | bool | int | float | None

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")  # the gravest first

_CODE = re.compile(r"[a-z]+(\.[a-z0-9_]+)+")  # at least one dot: area and finding, such as data.leakage


class Finding(msgspec.Struct, frozen=True):
    """Something a user should know.

    Args:
        code: a stable id, such as ``data.duplicates_across_splits``: what it is about, a dot, the fault.
        severity: an error spoils training or what comes of it, a warning may, a note is good to know.
        message: what is so, with the numbers that show it; no full stop at its end, nor at that of cause and remedy.
        evidence: these numbers by name; None stands for one that is not finite.
        cause: why it is so, where that is known.
        remedy: what to do: a command or a line of code, where there is one.
        place: where: a file, a column, a layer, an epoch.
        settings: those of a run that are the remedy, by their full names; left out where no setting is.
    Raises:  ValueError for a code or a severity of another form; TypeError for evidence that is not plain

    >>> Finding("data.leakage", "warning", "id alone tells price", remedy="--drop id").text
    'id alone tells price; --drop id'
    """

    code: str
    severity: Severity
    message: str
    evidence: Mapping[str, Plain] = msgspec.field(default_factory=dict)
    cause: str = ""
    remedy: str = ""
    place: str = ""
    settings: Mapping[str, Plain] | msgspec.UnsetType = msgspec.UNSET  # unset ones are not written

    def __post_init__(self) -> None:
        _check_code(self.code)
        if self.severity not in SEVERITIES:
            raise ValueError(f"severity {self.severity!r}: it is one of {', '.join(SEVERITIES)}")
        for name, value in self.evidence.items():
            # A NumPy or torch scalar would not survive the way through JSON.
            if not (value is None or isinstance(value, (str, bool, int, float))):
                raise TypeError(f"{self.code}: evidence {name!r} is {type(value).__name__}, not a plain value")

    @property
    def text(self) -> str:
        """All of it in a line: what is so, why, what to do."""
        cause = f": {self.cause}" if self.cause else ""
        # the message ends open, so that cause and remedy can follow
        return f"{self.message}{cause}" + (f"; {self.remedy}" if self.remedy else "")

    @property
    def sentence(self) -> str:
        """The same with its full stop."""
        # a cause taken from an exception may have its own full stop
        return self.text if self.text.endswith((".", "!", "?", "…")) else f"{self.text}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the fields.

        Equals:  ``Finding.from_dict`` of it is this finding
        """
        return msgspec.to_builtins(self)

    @classmethod
    def from_dict(cls, content: object) -> Finding:
        """Read what ``to_dict`` gave; fields that are not known are passed over.

        Raises:  ValueError if it is no finding
        """
        return msgspec.convert(content, cls)


class NotChecked(msgspec.Struct, frozen=True):
    """A check that could not run, by the code of what it would have found, and why it could not.

    Raises:  ValueError for a code of another form
    """

    code: str
    reason: str

    def __post_init__(self) -> None:
        _check_code(self.code)

    def to_dict(self) -> dict[str, str]:
        """Return plain values under the names of the fields."""
        return msgspec.to_builtins(self)

    @classmethod
    def from_dict(cls, content: object) -> NotChecked:
        """Read what ``to_dict`` gave.

        Raises:  ValueError if it is no such thing
        """
        return msgspec.convert(content, cls)


class Findings(msgspec.Struct, frozen=True):
    """What a set of checks gave: what was found, and what could not be looked for."""

    findings: tuple[Finding, ...] = ()
    not_checked: tuple[NotChecked, ...] = ()

    @classmethod
    def gravest_first(cls, findings: Iterable[Finding], not_checked: Iterable[NotChecked] = ()) -> Findings:
        """Put them together in the order of ``by_severity``."""
        return cls(tuple(by_severity(findings)), tuple(not_checked))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values under the names of the fields."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "not_checked": [check.to_dict() for check in self.not_checked],
        }

    @classmethod
    def from_dict(cls, content: object) -> Findings:
        """Read what ``to_dict`` gave.

        Raises:  ValueError if it is no such thing
        """
        return msgspec.convert(content, cls)


def by_severity(findings: Iterable[Finding]) -> list[Finding]:
    """Return the gravest first; those of one severity keep their order."""
    return sorted(findings, key=lambda finding: SEVERITIES.index(finding.severity))


def has_errors(findings: Iterable[Finding]) -> bool:
    """Whether there is an error among them."""
    return any(finding.severity == "error" for finding in findings)


def _check_code(code: str) -> None:
    if not _CODE.fullmatch(code):
        raise ValueError(f"code {code!r}: it is lower-case words with dots between, such as data.leakage")
