"""Distances agree with the full data's, and no change looks like none."""

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import jensenshannon

from evenkeel.divergence import debiased_psi, jensen_shannon, ks_statistic, psi_cells, wasserstein
from evenkeel.profile import CategoryProfile, NumericProfile

Generator = np.random.Generator


def pair(
    before: np.ndarray[tuple[int], np.dtype[np.float64]], now: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> tuple[NumericProfile, NumericProfile]:
    reference = NumericProfile.with_cells_of(before)
    current = reference.like()
    reference.add(before)
    current.add(now)
    return reference, current


@pytest.fixture
def generator() -> Generator:
    return np.random.default_rng(7)


def test_distances_of_profiles_are_those_of_the_rows(generator: Generator) -> None:
    before, now = generator.gamma(2, size=20_000), generator.gamma(2.3, size=8_000)
    reference, current = pair(before, now)
    assert wasserstein(reference, current) == pytest.approx(
        stats.wasserstein_distance(before, now) / before.std(), abs=2e-3
    )
    assert ks_statistic(reference, current) == pytest.approx(stats.ks_2samp(before, now).statistic, abs=5e-3)
    one, other = psi_cells(reference, current)
    assert jensen_shannon(one, other) == pytest.approx(jensenshannon(one, other, base=2))


@pytest.mark.parametrize(("n", "m"), [(500, 500), (50_000, 500), (5_000, 5_000)])
def test_the_index_of_no_change_is_near_zero_at_any_size(generator: Generator, n: int, m: int) -> None:
    scores = [debiased_psi(*psi_cells(*pair(generator.normal(size=n), generator.normal(size=m)))) for _ in range(60)]
    assert np.mean(scores) < 0.01
    assert np.quantile(scores, 0.95) < 0.05


@pytest.mark.parametrize("m", [500, 5_000])
def test_the_index_of_a_shift_is_about_its_square(generator: Generator, m: int) -> None:
    scores = [
        debiased_psi(*psi_cells(*pair(generator.normal(size=20_000), generator.normal(0.5, size=m)))) for _ in range(30)
    ]
    assert np.mean(scores) == pytest.approx(0.25, abs=0.05)


def test_one_outlier_changes_nothing(generator: Generator) -> None:
    before, now = generator.normal(size=5_000), generator.normal(0.5, size=5_000)
    clean = debiased_psi(*psi_cells(*pair(before, now)))
    assert debiased_psi(*psi_cells(*pair(before, np.append(now, 1e6)))) == pytest.approx(clean, rel=0.01)
    assert debiased_psi(*psi_cells(*pair(np.append(before, 1e6), now))) == pytest.approx(clean, rel=0.05)


def test_values_gone_missing_are_drift(generator: Generator) -> None:
    before, now = generator.normal(size=5_000), generator.normal(size=5_000)
    now[:4_000] = np.nan
    assert debiased_psi(*psi_cells(*pair(before, now))) > 1


def test_new_categories_are_drift_and_rare_ones_are_not() -> None:
    reference = CategoryProfile(("a", "b", "rare"), np.array([600, 395, 5, 0]))
    same = CategoryProfile(("a", "b", "rare"), np.array([600, 390, 0, 10]))
    new = CategoryProfile(("a", "b", "rare"), np.array([500, 300, 0, 200]))
    assert debiased_psi(*psi_cells(reference, same)) < 0.01
    assert debiased_psi(*psi_cells(reference, new)) > 0.2


def test_empty_sides_are_unknown_not_zero() -> None:
    reference, empty = pair(np.arange(10.0), np.empty(0))
    assert all(np.isnan(distance(reference, empty)) for distance in (wasserstein, ks_statistic))
    assert np.isnan(debiased_psi(*psi_cells(reference, empty)))
