"""One model as one file: ``conf/<name>.yaml``."""

import json
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from evenkeel.config.behaviour import misfits
from evenkeel.config.contract import Column, ColumnType, Contract
from evenkeel.config.features import Features
from evenkeel.config.gates import Gates, Slice
from evenkeel.config.modelling import Data, Model, Split, Target
from evenkeel.config.operation import Monitoring, Promotion, Retraining, Serving
from evenkeel.config.section import Section
from evenkeel.config.stages import Stage, StageName
from evenkeel.errors import ProjectError

MAX_PARAMETER_BYTES = 120 * 1024
"""Kubeflow passes a parameter in argv, where Linux allows 128 KiB."""


EnvironmentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,38}$")]


class Project(Section):
    """Everything that varies between models."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$")
    """Lower-case letters, digits and dashes: it names the registered model, the route and the metrics' label."""
    description: str = ""
    owner: str = ""
    """Who is asked when it alarms."""
    data: Data
    target: Target
    contract: Contract
    features: Features = Features()
    model: Model
    split: Split = Split()
    slices: tuple[Slice, ...] = ()
    gates: Gates
    serving: Serving = Serving()
    monitoring: Monitoring = Monitoring()
    retraining: Retraining = Retraining()
    promotion: Mapping[EnvironmentName, Promotion] = {}
    """What each environment asks of a version. One that is not named here gets none."""
    stages: Mapping[StageName, Stage] = {}
    """What single boxes of the pipeline ask of Kubeflow, where its own figures do not do."""

    @model_validator(mode="after")
    def _columns_are_in_the_contract(self) -> Self:
        self._known("data.id", [self.data.id])
        self._known("data.time", [self.data.time])
        self._known("target.column", [self.target.column])
        self._known("split.group", [self.split.group])
        self._known("split.leaks.allow", self.split.leaks.allow)
        self._known("features.columns", self.features.columns or ())
        self._known("features.drop", self.features.drop)
        self._known("features.overrides", self.features.overrides)
        self._known("slices", [part.column for part in self.slices])
        self._known("monitoring.columns", self.monitoring.columns)
        return self

    @model_validator(mode="after")
    def _target_fits_the_task(self) -> Self:
        column = self.contract.columns[self.target.column]
        if self.target.task == "regression":
            if column.type not in (ColumnType.INTEGER, ColumnType.NUMBER):
                raise ValueError(
                    f"target.column {self.target.column!r} is {column.type}; regression needs integer or number"
                )
        elif column.type not in (ColumnType.CATEGORY, ColumnType.BOOLEAN):
            raise ValueError(f"target.column {self.target.column!r} is {column.type}; classes need category or boolean")
        classes = self.classes
        if self.target.task == "binary":
            if len(classes) != 2:
                raise ValueError(
                    f"target.column {self.target.column!r} has {len(classes)} categories; a binary task needs 2"
                )
            if self.target.positive not in classes:
                raise ValueError(f"target.positive {self.target.positive!r} is not one of {list(classes)}")
        if self.target.column in (self.features.columns or ()):
            raise ValueError(
                f"features.columns names the target {self.target.column!r}: the model would be told the answer"
            )
        if not self.feature_columns:
            raise ValueError("no column is left as a feature: see features.columns and features.drop")
        return self

    @model_validator(mode="after")
    def _time_split_has_a_time(self) -> Self:
        if self.split.by == "time" and self.data.time is None:
            raise ValueError("split.by is time, so data.time must name the column that says when")
        if self.data.time is not None and self.contract.columns[self.data.time].type is not ColumnType.DATETIME:
            raise ValueError(f"data.time {self.data.time!r} must be a datetime column of the contract")
        return self

    @model_validator(mode="after")
    def _feast_fits_the_columns(self) -> Self:
        if (feast := self.features.feast) is None:
            return self
        self._known("features.feast.columns", feast.columns)
        self._known("features.feast.entities", feast.entities.values())
        needed = {*feast.entities.values(), self.data.time, self.data.id, self.split.group, self.target.column}
        if both := sorted(needed.intersection(feast.columns), key=str):
            raise ValueError(f"features.feast.columns names {both[0]!r}, which the data itself must have")
        if self.data.time is None:
            raise ValueError("features.feast needs data.time, the column that says as of when features are joined")
        return self

    @model_validator(mode="after")
    def _gates_fit_the_columns(self) -> Self:
        sliced = {part.column for part in self.slices}
        for gap in self.gates.gaps:
            if gap.column not in sliced:
                raise ValueError(f"gates.gaps names {gap.column!r}, which is not among slices: add it there")
        if problems := list(misfits(self.gates.behaviour, self.feature_columns, self.classes)):
            raise ValueError("; ".join(problems))
        return self

    def _known(self, field: str, names: Iterable[str | None]) -> None:
        for name in names:
            if name is not None and name not in self.contract.columns:
                near = get_close_matches(name, self.contract.columns, n=1)
                hint = f"; did you mean {near[0]!r}?" if near else ""
                raise ValueError(f"{field} names {name!r}, which contract.columns does not have{hint}")

    @property
    def classes(self) -> tuple[str | int | bool, ...]:
        """The target's classes in contract order (binary: negative first); empty for regression."""
        if self.target.task == "regression":
            return ()
        column = self.contract.columns[self.target.column]
        classes = column.categories if column.categories is not None else (False, True)
        if self.target.task == "binary":
            return tuple(sorted(classes, key=lambda value: value == self.target.positive))
        return classes

    @property
    def feature_columns(self) -> dict[str, Column]:
        """The columns an estimator sees, in contract order."""
        kept = self.features.columns
        beside = {self.target.column, self.data.id, self.data.time, self.split.group, *self.features.drop}
        return {
            name: column
            for name, column in self.contract.columns.items()
            if (name in kept if kept is not None else column.type is not ColumnType.STRING and name not in beside)
            and name not in self.features.drop
        }

    def to_parameter(self) -> str:
        """The project as one Kubeflow parameter: JSON of what differs from the defaults.

        ``stages`` is left out: it is for whoever submits, and more memory must not make another model of the same data.
        Raises ProjectError where it is longer than a parameter may be.
        """
        known = self.model_dump(mode="json", exclude_defaults=True, exclude={"stages"})
        text = json.dumps(known, ensure_ascii=False, separators=(",", ":"))
        if (size := len(text.encode())) > MAX_PARAMETER_BYTES:
            raise ProjectError(
                f"project {self.name} is {size // 1024} KiB as a pipeline parameter; Kubeflow can pass"
                f" {MAX_PARAMETER_BYTES // 1024} KiB: shorten category lists (use type string) or descriptions"
            )
        return text

    @classmethod
    def from_parameter(cls, text: str) -> Self:
        """The project that ``to_parameter`` wrote, ``stages`` left out."""
        return cls.model_validate_json(text)
