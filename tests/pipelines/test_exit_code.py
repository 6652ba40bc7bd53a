"""Scripts tell a refusal and a wait from a failure by the exit code, wherever they were said."""

from pathlib import Path

import pytest

from evenkeel.errors import ApprovalError, DataError, EvenkeelError, GateError, PipelineError, PromotionError
from pipelines.__main__ import exit_code
from pipelines.local import Stage, StageError
from pipelines.warm import Failure


@pytest.mark.parametrize(
    ("error", "code"), [(GateError, 3), (ApprovalError, 4), (PromotionError, 1), (DataError, 1), (PipelineError, 1)]
)
def test_an_error_of_ours_and_a_boxs_have_the_same_code(error: type[EvenkeelError], code: int) -> None:
    assert exit_code(error("said")) == code
    assert exit_code(StageError(Stage("box", "box", Path("log")), Failure(error.__name__, "said"), {})) == code
