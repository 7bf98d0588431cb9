"""What can be wrong with rule packs; a question to the gate never raises."""


class ComplianceError(Exception):
    """Root of this package's errors."""


class PackError(ComplianceError):
    """A rule pack cannot be used as it is written: correct the file named in `source`."""

    def __init__(self, source: str, problem: str) -> None:
        super().__init__(f"rule pack {source}: {problem}")
        self.source = source
        self.problem = problem


class PolicyConflictError(ComplianceError):
    """Two packs demand what cannot both be done: the robot stays off where both apply."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class WideningError(ComplianceError):
    """An overlay would allow what the packs forbid: it is refused whole."""

    def __init__(self, fields: tuple[str, ...]) -> None:
        super().__init__(f"the overlay would widen {', '.join(fields)}; an overlay can only tighten")
        self.fields = fields
