"""P-values hold what they promise, and the false discovery rate is controlled."""

import numpy as np
import pytest
from scipy import stats

from evenkeel.profile import NumericProfile
from monitoring.significance import believed, chi_square_p_value, ks_p_value


def test_two_sample_chi_square_calls_chance_drift_as_often_as_it_says() -> None:
    """The one-sample test, which takes the reference as exact, would do so five times as often."""
    generator = np.random.default_rng(1)
    shares = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
    p_values = [
        chi_square_p_value(generator.multinomial(500, shares), generator.multinomial(500, shares)) for _ in range(400)
    ]
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.03)


def test_ks_of_profiles_is_scipys() -> None:
    generator = np.random.default_rng(2)
    before, now = generator.normal(size=3000), generator.normal(0.08, size=2000)
    reference = NumericProfile.with_cells_of(before)
    current = reference.like()
    reference.add(before)
    current.add(now)
    assert ks_p_value(reference, current) == pytest.approx(stats.ks_2samp(before, now).pvalue, abs=0.02)


def test_an_empty_side_proves_nothing() -> None:
    profile = NumericProfile.with_cells_of(np.arange(100.0))
    assert ks_p_value(profile, profile.like()) == 1
    assert chi_square_p_value(np.array([3, 4]), np.array([0, 0])) == 1


def test_benjamini_hochberg_as_in_the_paper() -> None:
    """Benjamini & Hochberg 1995, section 4: at q = .05 the four smallest of the fifteen are believed."""
    p_values = np.array(
        [
            0.0001,
            0.0004,
            0.0019,
            0.0095,
            0.0201,
            0.0278,
            0.0298,
            0.0344,
            0.0459,
            0.3240,
            0.4262,
            0.5719,
            0.6528,
            0.7590,
            1,
        ]
    )
    order = np.random.default_rng(0).permutation(len(p_values))
    found = believed(p_values[order], np.full(len(p_values), 0.05))
    assert sorted(p_values[order][found]) == [0.0001, 0.0004, 0.0019, 0.0095]
    assert not believed(np.array([0.2, 0.9]), np.array([0.01, 0.01])).any()
    assert believed(np.empty(0), np.empty(0)).tolist() == []
