"""All probes of one candidate."""

import pyarrow as pa

from components.evaluate.cost import Predict
from components.evaluate.evidence import Answers, Probes
from components.evaluate.probes.behaviour import try_behaviour
from components.evaluate.probes.canary import sing
from components.evaluate.probes.missing import lose_columns
from components.evaluate.rescore import training_profiles
from evenkeel.bundle import Bundle
from evenkeel.config.project import Project
from evenkeel.table import Columns


def ask(
    bundle: Bundle, predict: Predict, features: Columns, answers: Answers, table: pa.Table, project: Project
) -> Probes:
    """Ask the candidate everything the project wants to know; ``features`` are the table's. Raises BundleError."""
    return Probes(
        canary=sing(table, answers.truth, answers.clusters, bundle.manifest.params, project),
        behaviour=try_behaviour(predict, features, project),
        losses=lose_columns(predict, features, answers.truth, project),
        profiles=training_profiles(bundle),
    )
