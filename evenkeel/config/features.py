"""From contract columns to what an estimator sees."""

from typing import Literal, Self

from pydantic import Field, model_validator

from evenkeel.config.section import Section


class NumericFeatures(Section):
    """integer and number columns."""

    impute: Literal["auto", "none", "median", "mean", "zero"] = "auto"
    """What stands for a missing value. auto: none for estimators that take NaN, else median."""
    indicator: bool = True
    """Add a 0/1 column that says a value was missing, where training saw missing values and imputes them."""
    scale: Literal["auto", "none", "standard"] = "auto"
    """auto: standard, except for trees."""


class CategoryFeatures(Section):
    """category, boolean and (if chosen as a feature) string columns."""

    encode: Literal["auto", "onehot", "ordinal"] = "auto"
    """auto: onehot. ordinal is the position in the contract's list."""
    min_count: int = Field(default=10, ge=1)
    """Values seen in fewer training rows share one 'rare' cell."""
    max_categories: int = Field(default=64, ge=2)
    """Most cells a column may have; the rest is 'rare'."""


class TextFeatures(Section):
    """text columns, by TF-IDF."""

    max_features: int = Field(default=20_000, ge=1)
    ngrams: tuple[int, int] = (1, 2)
    """Shortest and longest run of words that counts as a term."""
    min_count: int = Field(default=2, ge=1)
    """A term seen in fewer training rows is left out."""
    sublinear: bool = True
    """Term frequency as 1 + log(tf)."""


DatePart = Literal["year", "month", "day", "weekday", "hour", "days"]


class DateFeatures(Section):
    """datetime columns; ``days`` is days since 1970-01-01 with fractions."""

    parts: tuple[DatePart, ...] = ("month", "weekday", "hour")


class ColumnFeatures(Section):
    """What one column does differently; what is absent is as for its kind."""

    numeric: NumericFeatures | None = None
    category: CategoryFeatures | None = None
    text: TextFeatures | None = None
    date: DateFeatures | None = None


class FeastFeatures(Section):
    """Columns that a Feast feature service holds: joined to the data as of ``data.time``, looked up by servers."""

    repo: str
    """Folder with Feast's feature_store.yaml, below the repository."""
    service: str = Field(min_length=1)
    """The feature service, a version in its name: what it gives is what the model was trained on."""
    entities: dict[str, str] = Field(min_length=1)
    """Feast's join keys, and the column of the contract that each is in."""
    columns: tuple[str, ...] = Field(min_length=1)
    """What the service gives, by name: columns of the contract that the data itself does not have."""
    max_age_hours: float | None = Field(default=None, gt=0)
    """Older values count as missing. It must be the feature views' ttl: Feast holds to that in training only."""

    @model_validator(mode="after")
    def _repo_is_in_the_repository(self) -> Self:
        if self.repo.startswith(("/", "~", "..")) or "://" in self.repo:
            raise ValueError(f"repo {self.repo!r} must be a path below the repository")
        return self


class Features(Section):
    """Which columns an estimator sees and how; by default all but target, id, time, group and string columns."""

    columns: tuple[str, ...] | None = None
    """Only these; absent: all that are features by their type."""
    drop: tuple[str, ...] = ()
    """Not these."""
    module: str | None = None
    """Features computed of these columns, beside them: a module of evenkeel/features."""
    numeric: NumericFeatures = NumericFeatures()
    category: CategoryFeatures = CategoryFeatures()
    text: TextFeatures = TextFeatures()
    date: DateFeatures = DateFeatures()
    overrides: dict[str, ColumnFeatures] = {}
    """Settings of single columns by name."""
    feast: FeastFeatures | None = None
    """Where some columns come from, if not from the data."""
