"""scikit-learn's estimators made of trees, by how their trees make an answer."""

from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

SINGLE = (DecisionTreeClassifier, DecisionTreeRegressor)
FORESTS = (ExtraTreesClassifier, ExtraTreesRegressor, RandomForestClassifier, RandomForestRegressor)
"""The mean of their trees."""
BOOSTED = (GradientBoostingClassifier, GradientBoostingRegressor)
"""The sum of their trees, each of which corrects those before."""
HISTOGRAM = (HistGradientBoostingClassifier, HistGradientBoostingRegressor)
"""Boosted, too, on binned features and with trees of another kind."""
TREES = (*SINGLE, *FORESTS, *BOOSTED, *HISTOGRAM)
"""What compares one feature at a time and so does not care for scale."""
