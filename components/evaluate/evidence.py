"""Everything the gates judge, measured once."""

from dataclasses import dataclass

from components.evaluate.baseline import baseline
from components.evaluate.calibration import ReliabilityBin, calibration_error, reliability
from components.evaluate.comparison import BASELINE, CANDIDATE, CHAMPION, Scores, compare
from components.evaluate.cost import Cost
from components.evaluate.intervals import Clusters
from components.evaluate.slices import SliceScore, score_slices
from evenkeel.certificate import Interval, Reference
from evenkeel.config.project import Project
from evenkeel.metrics import Truth, find_metric, metrics_of
from evenkeel.prediction import Prediction
from evenkeel.table import Columns


@dataclass(frozen=True)
class Answers:
    """What is so and what the candidate says, for the frozen evaluation rows (n > 0)."""

    truth: Truth
    candidate: Prediction
    clusters: Clusters
    columns: Columns
    """The columns that slices are made of."""


@dataclass(frozen=True)
class Champion:
    """The model that would be replaced, as it answers on the candidate's rows."""

    reference: Reference
    prediction: Prediction | None = None
    problem: str = ""
    """Why it could not be scored, where there is no prediction."""


@dataclass(frozen=True)
class Rival:
    """What a candidate is compared with."""

    scores: Scores
    advantage: Interval
    """How much better the candidate is in the gate's metric (positive is better, whichever way the metric runs);
    each end holds one-sided with the gate's confidence."""


@dataclass(frozen=True)
class Evidence:
    """What was measured about one candidate."""

    bundle: str
    """Its digest."""
    rows: int
    scores: Scores
    baseline: Rival
    champion: Champion | None
    beside_champion: Rival | None
    """None without a champion, or with one that could not be scored."""
    slices: tuple[SliceScore, ...]
    reliability: tuple[ReliabilityBin, ...]
    """Empty for regression."""
    cost: Cost

    @property
    def calibration_error(self) -> float:
        """Expected calibration error; NaN where there are no probabilities."""
        return calibration_error(self.reliability)


def gather(bundle: str, answers: Answers, champion: Champion | None, cost: Cost, project: Project) -> Evidence:
    """Measure everything. Raises ProjectError where the project names a metric or slice that cannot be."""
    gates, task = project.gates, project.target.task
    deciding = find_metric(gates.metric, task)
    models = {CANDIDATE: answers.candidate, BASELINE: baseline(answers.truth, len(project.classes))}
    if champion is not None and champion.prediction is not None:
        models[CHAMPION] = champion.prediction
    table = compare(models, answers.truth, answers.clusters, metrics_of(task), gates, project.model.seed)

    def rival(name: str, confidence: float) -> Rival:
        return Rival(table.scores(name, gates.confidence), table.advantage(name, deciding, confidence))

    return Evidence(
        bundle=bundle,
        rows=len(answers.truth),
        scores=table.scores(CANDIDATE, gates.confidence),
        baseline=rival(BASELINE, gates.confidence),
        champion=champion,
        beside_champion=rival(CHAMPION, gates.champion.confidence) if CHAMPION in models else None,
        slices=score_slices(answers.columns, answers.truth, answers.candidate, answers.clusters, project),
        reliability=reliability(answers.truth, answers.candidate),
        cost=cost,
    )
