"""Both engines on one table: which rules each says are broken, and by how many rows."""

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from components.gx.frames import CAME, STAGE, TYPED, make_frames
from components.gx.suite import Expectation, compile_suite
from evenkeel.config.contract import Contract
from evenkeel.contract import TABLE_RULES, Finding, check
from evenkeel.errors import DataError, SettingsError

if TYPE_CHECKING:
    from pandas import DataFrame

_UNCOUNTED = {*TABLE_RULES, "unique"}
"""Rules that the engines count otherwise: a table's have no rows, and GX counts a value's first row as repeated."""


@dataclass(frozen=True)
class Word:
    """What one engine says of one rule."""

    holds: bool
    rows: int = 0
    """That break it, tolerated ones too; 0 where rows are not what is counted."""


@dataclass(frozen=True)
class Verdict:
    """What both say of one rule."""

    column: str | None
    """None for min_rows."""
    rule: str
    contract: Word
    gx: Word

    @property
    def agreed(self) -> bool:
        """Whether they say the same, of the rule and of the number of rows."""
        return self.contract == self.gx


def judge(raw: pa.Table, contract: Contract) -> list[Verdict]:
    """Every rule that applies to this table, in the suite's order.

    Raises SettingsError where Great Expectations is not installed, DataError where it stumbles.
    """
    suite = compile_suite(contract, "contract")
    theirs = dict(_expected(raw, contract, suite["expectations"]))
    ours = {(finding.column, finding.rule): _word(finding, contract) for finding in check(raw, contract).findings}
    return [Verdict(*place, ours.get(place, Word(holds=True)), theirs[place]) for place in theirs]


def _word(finding: Finding, contract: Contract) -> Word:
    if finding.rule in TABLE_RULES or finding.column is None:
        return Word(holds=False)
    holds = 1 - finding.share >= contract.columns[finding.column].mostly
    return Word(holds, 0 if finding.rule in _UNCOUNTED else finding.count)


def _expected(
    raw: pa.Table, contract: Contract, expectations: Iterable[Expectation]
) -> Iterator[tuple[tuple[str | None, str], Word]]:
    """Great Expectations' word on each rule by its place. Rules of a column that is absent do not apply."""
    frames = make_frames(raw, contract)
    stages: dict[str, list[Expectation]] = {stage: [] for stage in frames}
    for expectation in expectations:
        rule, column = expectation["meta"]["rule"], expectation["kwargs"].get("column")
        if column is None or column in raw.column_names or rule == "column":
            stages[STAGE.get(rule, TYPED)].append(expectation)
    results = {stage: run(frames[stage], asked) for stage, asked in stages.items()}
    strangers = [name for name in frames[CAME].columns if name not in contract.columns]
    for stage, asked in stages.items():
        for expectation, result in zip(asked, results[stage], strict=True):
            rule, column = expectation["meta"]["rule"], expectation["kwargs"].get("column")
            if rule == "extra_columns":
                unexpected = result["result"].get("details", {}).get("mismatched", {}).get("unexpected", [])
                yield from (((name, rule), Word(holds=name not in unexpected)) for name in strangers)
            else:
                counted = 0 if rule in _UNCOUNTED else result["result"].get("unexpected_count", 0)
                yield (column, rule), Word(result["success"], counted)


def run(frame: "DataFrame", expectations: list[Expectation]) -> list[Mapping[str, Any]]:
    """The results of these expectations on a frame, in their order. Nothing is stored, sent, or shown of the cells.

    Raises SettingsError where Great Expectations is not installed, DataError where it cannot judge.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"  # it is read at import, and asks nobody otherwise
    try:
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig
    except ImportError as exc:
        raise SettingsError(
            f"Great Expectations is not installed ({exc}): run tools/engines, see docs/engines.md"
        ) from exc
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    asset = context.data_sources.add_pandas("frames").add_dataframe_asset("frame")
    batch = asset.add_batch_definition_whole_dataframe("whole").get_batch(batch_parameters={"dataframe": frame})
    suite = gx.ExpectationSuite(name="contract", expectations=[dict(one) for one in expectations])
    judged = batch.validate(suite, result_format={"result_format": "BASIC", "partial_unexpected_count": 0})
    by_place = {_place(result["expectation_config"]): result for result in judged.to_json_dict()["results"]}
    return [_readable(by_place[_place(one)]) for one in expectations]


def _place(expectation: Mapping[str, Any]) -> tuple[str, str | None]:
    return expectation["meta"]["rule"], expectation["kwargs"].get("column")


def _readable(result: Mapping[str, Any]) -> Mapping[str, Any]:
    if (result.get("exception_info") or {}).get("raised_exception"):
        rule, column = _place(result["expectation_config"])
        raise DataError(
            f"Great Expectations cannot judge {rule!r} of {column!r}: {result['exception_info']['exception_message']}"
        )
    return result
