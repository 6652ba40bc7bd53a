"""What the door found wrong with one request."""

from serving.problem import Problem, RefusedError


class Found:
    """The problems and warnings of one request, up to a limit; what is beyond it is only counted."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []
        self.refused = 0

    @property
    def full(self) -> bool:
        """Whether a further problem would only be counted."""
        return len(self.problems) >= self.limit

    def refuse(self, problem: Problem) -> None:
        """One more reason to refuse the request."""
        self.refused += 1
        if len(self.problems) < self.limit:
            self.problems.append(problem)

    def settle(self) -> None:
        """Raise RefusedError where there is a reason to."""
        if self.refused:
            count = "1 problem" if self.refused == 1 else f"{self.refused} problems"
            more = self.refused - len(self.problems)
            raise RefusedError(422, "contract", f"the request breaks the contract: {count}", self.problems, more=more)

    def warn(self, problem: Problem) -> None:
        """One more thing to tell beside the answer."""
        if len(self.warnings) < self.limit:
            self.warnings.append(problem)
