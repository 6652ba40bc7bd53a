"""Vehicle-insurance cross-sell, SYNTHETIC: who among health-insurance customers would also insure a vehicle.

No customer in it exists. The columns are those of the well-known tutorial case; the values come from the seeded
model below, because demos and drills need a stream whose truth is known. Drift is switched on by strength and moves
exactly what its name says:

covariate   P(x) moves, P(y|x) stays: COVARIATE_COLUMNS shift (older customers, dearer premiums, other channels)
prior       P(y) moves, P(x|y) stays: the share of positive results grows to PRIOR_RATE
concept     P(y|x) moves, P(x) stays: what customers of each age, switch and accident history do is turned round
breakage    a share of rows arrives broken in BROKEN_COLUMNS: premiums in cents, an unknown spelling, lost ages

Only uniform draws are used, made into other distributions here: they are what numpy keeps the same across versions.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from evenkeel.datasets.source import write_csv

COVARIATE_COLUMNS = ("Age", "AnnualPremium", "SalesChannelID")
BROKEN_COLUMNS = ("AnnualPremium", "VehicleAge", "Age")
RATE = 0.12
"""Share of positive results without drift (about)."""
PRIOR_RATE = 0.45
"""Share of positive results under prior drift at strength 1."""

START = dt.datetime(2024, 1, 1)
"""Time of the first row of the bundled file (naive UTC, as in all tables), and the zero of ids."""
ROWS = 20_000
SEED = 7
EVERY = dt.timedelta(minutes=12)

VEHICLE_AGES = ("< 1 Year", "1-2 Year", "> 2 Years")
REGIONS = tuple(range(28))
CHANNELS = (26, 124, 152, 156, 160, 122, 154, 163)

_CHANNEL_SHARES = np.array([0.22, 0.19, 0.33, 0.04, 0.09, 0.05, 0.05, 0.03])
_DRIFTED_CHANNEL_SHARES = _CHANNEL_SHARES[::-1]
_CHANNEL_EFFECTS = np.array([0.5, 0.4, -1.0, 0.5, -1.2, 0.1, 0.3, 0.4])
_REGION_SHARES = np.array([0.4 if region == 8 else 1 / (3 + region) for region in REGIONS])
_VEHICLE_AGE_EFFECTS = np.array([-0.6, 0.2, 0.7])
_INTERCEPT = -2.95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Drift:
    """How strong each kind of drift is, from 0 (none) to 1; breakage is the share of broken rows."""

    covariate: float = 0.0
    prior: float = 0.0
    concept: float = 0.0
    breakage: float = 0.0

    def __post_init__(self) -> None:
        for kind, strength in vars(self).items():
            if not 0 <= strength <= 1:
                raise ValueError(f"drift {kind} is {strength}; it must be from 0 to 1")


NONE = Drift()


def stream(
    start: dt.datetime, rows: int, seed: int = SEED, drift: Drift = NONE, every: dt.timedelta = EVERY
) -> pa.Table:
    """Rows from ``start`` on, one at each step of ``every`` (at least a second); the same arguments, the same rows.

    ``id`` is the row's time in seconds since START, so parts of a stream never share ids unless they overlap in time.
    """
    first = int((start - START).total_seconds())
    random = np.random.default_rng([seed, abs(first)])
    customers = _customers(random, rows * (4 if drift.prior else 1), drift)
    results = random.random(len(customers["Age"])) < chance(customers, drift.concept)
    if drift.prior:
        kept = _with_rate(random, results, rows, RATE + drift.prior * (PRIOR_RATE - RATE))
        customers, results = {name: values[kept] for name, values in customers.items()}, results[kept]
    table = _table(customers, results, first, int(every.total_seconds()))
    return _broken(random, _with_gaps(random, table), drift.breakage)


def chance(customers: dict[str, NDArray[Any]], concept: float = 0.0) -> Floats:
    """The truth: P(Result = 1) of each row, given its columns before any went missing.

    Logistic in a bump over age, the switch, past accidents, the vehicle's age and the channel. Concept drift moves
    the bump from 43 to 27 years and turns the effects of switch and accident towards their opposite.
    """
    bump = np.exp(-(((customers["Age"] - (43 - 16 * concept)) / 14) ** 2))
    turned = 1 - 1.6 * concept
    score = (
        _INTERCEPT
        + 2.0 * bump
        - 2.6 * turned * customers["Switch"]
        + 1.3 * turned * customers["PastAccident"]
        + _VEHICLE_AGE_EFFECTS[customers["VehicleAge"]]
        + _CHANNEL_EFFECTS[customers["SalesChannelID"]]
        - 3.0 * (1 - customers["HasDrivingLicense"])
    )
    return np.asarray(1 / (1 + np.exp(-score)), dtype=np.float64)


def write(path: Path) -> None:
    """The bundled file: 20,000 rows from START on, no drift, as CSV."""
    table = stream(START, ROWS)
    texts = [_texts(column) for column in table.columns]
    write_csv(path, table.column_names, zip(*texts, strict=True))


def _customers(random: np.random.Generator, rows: int, drift: Drift) -> dict[str, NDArray[Any]]:
    """Complete columns as numbers; categories as positions in their list."""
    young = random.random(rows) < 0.45 * (1 - drift.covariate)
    spread = (random.random(rows) + random.random(rows) + random.random(rows)) / 3
    age = np.floor(np.where(young, 20 + 14 * spread, 22 + 58 * spread)).astype(np.int64)
    vehicle = _pick(random, rows, np.array([0.43, 0.52, 0.05]))
    premium = np.exp(9.6 + 2.2 * (random.random(rows) + random.random(rows) - 1)) * (1 + 0.6 * drift.covariate)
    channels = (1 - drift.covariate) * _CHANNEL_SHARES + drift.covariate * _DRIFTED_CHANNEL_SHARES
    return {
        "Gender": _pick(random, rows, np.array([0.46, 0.54])),
        "Age": age,
        "HasDrivingLicense": (random.random(rows) < 0.985).astype(np.int64),
        "RegionID": _pick(random, rows, _REGION_SHARES),
        "Switch": (random.random(rows) < 0.46).astype(np.int64),
        "VehicleAge": np.where(young & (vehicle == 2), 0, vehicle),
        "PastAccident": (random.random(rows) < 0.5).astype(np.int64),
        "AnnualPremium": np.round(premium, 2),
        "SalesChannelID": _pick(random, rows, channels),
        "DaysSinceCreated": 10 + np.floor(290 * random.random(rows)).astype(np.int64),
    }


def _pick(random: np.random.Generator, rows: int, weights: Floats) -> NDArray[np.int64]:
    """Positions drawn with these weights."""
    edges = np.cumsum(weights) / weights.sum()
    return np.minimum(np.searchsorted(edges, random.random(rows), side="right"), len(weights) - 1)


def _with_rate(random: np.random.Generator, results: NDArray[np.bool_], rows: int, rate: float) -> NDArray[np.int64]:
    """Positions of ``rows`` rows, drawn within each result so that P(x|y) stays and the share of positives is rate."""
    positives, negatives = np.flatnonzero(results), np.flatnonzero(~results)
    wanted = random.random(rows) < rate
    draw = random.random(rows)
    return np.where(
        wanted,
        positives[(draw * len(positives)).astype(np.int64)],
        negatives[(draw * len(negatives)).astype(np.int64)],
    )


def _table(customers: dict[str, NDArray[Any]], results: NDArray[np.bool_], first: int, step: int) -> pa.Table:
    ids = first + step * np.arange(len(results))
    names: dict[str, tuple[Any, ...]] = {
        "Gender": ("Female", "Male"),
        "RegionID": REGIONS,
        "VehicleAge": VEHICLE_AGES,
        "PastAccident": ("No", "Yes"),
        "SalesChannelID": CHANNELS,
    }
    columns = {
        name: pa.array(names[name]).take(pa.array(values)) if name in names else pa.array(values)
        for name, values in customers.items()
    }
    times = pa.array(np.datetime64(START, "us") + ids.astype("timedelta64[s]"), pa.timestamp("us"))
    return pa.table({"id": pa.array(ids), **columns, "Timestamp": times, "Result": pa.array(results.astype(np.int64))})


def _with_gaps(random: np.random.Generator, table: pa.Table) -> pa.Table:
    """Values go missing: accidents and premiums at random, the switch more often where the channel is 152."""
    rows = table.num_rows
    table = _set(table, "PastAccident", random.random(rows) < 0.08, None)
    table = _set(table, "AnnualPremium", random.random(rows) < 0.03, None)
    often = np.where(pc.equal(table["SalesChannelID"], 152).to_numpy(), 0.08, 0.02)
    return _set(table, "Switch", random.random(rows) < often, None)


def _broken(random: np.random.Generator, table: pa.Table, share: float) -> pa.Table:
    """Break a share of rows: the premium arrives in cents, the vehicle's age in another spelling, or no age at all."""
    kind = np.where(random.random(table.num_rows) < share, np.floor(3 * random.random(table.num_rows)), -1)
    table = _set(table, "AnnualPremium", kind == 0, pc.multiply(table["AnnualPremium"], 100))
    table = _set(table, "VehicleAge", kind == 1, "1-2 yrs")
    return _set(table, "Age", kind == 2, None)


def _set(table: pa.Table, name: str, rows: NDArray[np.bool_], value: Any) -> pa.Table:
    column = table[name]
    new = value if isinstance(value, pa.ChunkedArray) else pa.scalar(value, column.type)
    return table.set_column(table.column_names.index(name), name, pc.if_else(pa.array(rows), new, column))


def _texts(column: pa.ChunkedArray) -> list[str]:
    """A column as a CSV holds it: missing is empty, floats with two decimals, times in ISO 8601."""
    values = column.to_pylist()
    if pa.types.is_floating(column.type):
        return ["" if value is None else f"{value:.2f}" for value in values]
    if pa.types.is_timestamp(column.type):
        return [value.isoformat() for value in values]
    return ["" if value is None else str(value) for value in values]
