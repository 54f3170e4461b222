"""The outcome of one run of an action: what has changed at the device, and what its errors say of it.

Strategy: one place decides what an error of an action is called and which outcome it carries, so that no
step can get it wrong. The rules:

- What fails before anything was written passes as it is: the caller may try again.
- Afterwards the same failure ends an action halfway. It becomes `action_failed`, with its own map in
  `details.cause`.
- A write whose answer is missing passes as it is (`outcome_unknown`), and so does `verify_failed`; both with
  the step, and with what had been written before.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ...client.protocol.errors import Code, Outcome, PlcmqError, failure
from ..model.tags import Value


class StepFailed(Exception):
    """Ends the present sequence of steps.

    Attributes:
        error: what the caller gets to see.
        reached: whether the write that failed may have changed something.
    """

    def __init__(self, error: PlcmqError, *, reached: bool = False) -> None:
        super().__init__(error.message)
        self.error = error
        self.reached = reached


@dataclass(frozen=True, slots=True)
class Unmet:
    """A tag that has not the value which a step wants.

    Attributes:
        expected: the value; or `{"not": value}` where any other would do.
    """

    tag: str
    expected: Value | dict[str, Value]
    actual: Value

    def __str__(self) -> str:
        if isinstance(self.expected, dict):
            return f"{self.tag} is {self.actual!r}"
        return f"{self.tag} is {self.actual!r}, not {self.expected!r}"


@dataclass(slots=True)
class RunOutcome:
    """What one run has done so far, and where it stands.

    Attributes:
        action: its name.
        outcome: what has happened at the device.
        done: what has been written, one `{tag: value}` for each value, in order.
        index: of the present step, from 1; 0 before the first.
        kind: of the present step, as a site file calls it.
        cleaning: whether it is a step of `finally`.
        unmet: what the present step waits for.
    """

    action: str
    outcome: Outcome = Outcome.NOT_EXECUTED
    done: list[dict[str, Value]] = field(default_factory=list)
    index: int = 0
    kind: str = ""
    cleaning: bool = False
    unmet: Unmet | None = None

    @property
    def is_clean(self) -> bool:
        """Whether surely nothing has been changed."""
        return self.outcome is Outcome.NOT_EXECUTED

    def next_step(self, kind: str) -> None:
        """A step begins."""
        self.index += 1
        self.kind = kind
        self.unmet = None

    def wrote(self, values: Mapping[str, Value]) -> None:
        """Notes a confirmed write."""
        self._note(Outcome.EXECUTED)
        self.done += [{tag: value} for tag, value in values.items()]

    def _note(self, outcome: Outcome) -> None:
        if self.outcome is not Outcome.UNKNOWN and outcome is not Outcome.NOT_EXECUTED:
            self.outcome = outcome

    def write_failed(self, values: Mapping[str, Value], error: PlcmqError) -> StepFailed:
        """A write that failed. Its error says what it changed, and perhaps which tags in `written`."""
        if error.outcome is Outcome.NOT_EXECUTED:
            return self.failure_from(error)
        self._note(error.outcome)
        written = error.details.get("written")
        if error.code is Code.VERIFY_FAILED:
            self.wrote(values)
        elif isinstance(written, list):
            self.done += [{tag: value} for tag, value in values.items() if tag in written]
        if error.outcome is Outcome.EXECUTED and error.code is not Code.VERIFY_FAILED:
            return StepFailed(self.failure_from(error).error, reached=True)
        return StepFailed(self.restated(error, {**self._details(), **error.details}), reached=True)

    def failure_from(self, error: PlcmqError) -> StepFailed:
        """The failure of an effect that changed nothing itself."""
        if not self.is_clean:
            return self.failed(error.message, self.unmet, cause=error.to_map())
        return StepFailed(error if error.outcome is self.outcome else self.restated(error, error.details))

    def failed(self, why: str, unmet: Unmet | None = None, **details: Any) -> StepFailed:
        """`action_failed` in the present step."""
        message = f"{self.action}, {self._place()}: {why}"
        details = {**self._details(unmet), **details}
        return StepFailed(failure(Code.ACTION_FAILED, message, outcome=self.outcome, details=details))

    def out_of_time(self, why: str = "") -> StepFailed:
        """No time is left: `expired` as long as nothing has been written."""
        if not why:
            why = "the time of `finally` ran out" if self.cleaning else "the caller's time ran out"
            if self.unmet is not None:
                why += f" while {self.unmet}"
        if self.cleaning or not self.is_clean:
            return self.failed(why, self.unmet)
        message = f"{self.action}, {self._place()}: {why}; nothing was written"
        return StepFailed(failure(Code.EXPIRED, message, details=self._details(self.unmet)))

    def interrupted(self, error: PlcmqError) -> StepFailed:
        """Ended from outside, with the error that was given for it.

        Only `cancelled` goes with every outcome; anything else that ends an action halfway is its cause.
        """
        if error.code is not Code.CANCELLED and not self.is_clean:
            return self.failure_from(error)
        return StepFailed(self.restated(error, {**self._details(), **error.details}))

    def restated(self, error: PlcmqError, details: Mapping[str, Any]) -> PlcmqError:
        """The same error with the true outcome, and retryable only if nothing was changed."""
        retryable = error.retryable and self.is_clean
        return failure(error.code, error.message, outcome=self.outcome, retryable=retryable, details=details)

    def final_error(
        self, first: PlcmqError | None, last: PlcmqError | None, result: Mapping[str, object]
    ) -> PlcmqError | None:
        """The error of the whole run: of its steps (first) and of its `finally` (last)."""
        if first is None:
            if last is None:
                return None
            message = f"{self.action}: the steps succeeded, but `finally` failed: {last.message}"
            details = {"finally": last.to_map(), "done": list(self.done), "result": dict(result)}
            return failure(Code.ACTION_FAILED, message, outcome=self.outcome, details=details)
        if last is None:
            return first if first.outcome is self.outcome else self.restated(first, first.details)
        return self.restated(first, {**first.details, "finally": last.to_map()})

    def _place(self) -> str:
        return f"{'`finally`, ' if self.cleaning else ''}step {self.index} ({self.kind})"

    def _details(self, unmet: Unmet | None = None) -> dict[str, Any]:
        details: dict[str, Any] = {
            "step": {"index": self.index, "kind": self.kind},
            "done": list(self.done),
        }
        if unmet is not None:
            details |= {"tag": unmet.tag, "expected": unmet.expected, "actual": unmet.actual}
        return details
