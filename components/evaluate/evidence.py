"""Everything the gates judge, measured once."""

from collections.abc import Mapping
from dataclasses import dataclass

from components.evaluate.baseline import baseline
from components.evaluate.calibration import ReliabilityBin, calibration_error, reliability
from components.evaluate.comparison import BASELINE, CANDIDATE, CHAMPION, Lead, Scores, compare
from components.evaluate.cost import Cost
from components.evaluate.gaps import Gap, find_gaps
from components.evaluate.probes.behaviour import BehaviourScore
from components.evaluate.probes.canary import Canary
from components.evaluate.probes.missing import ColumnLoss
from components.evaluate.probes.shift import Shift, shift_between
from components.evaluate.slices import SliceScore, score_slices
from evenkeel.certificate import Interval, Reference
from evenkeel.config.project import Project
from evenkeel.intervals import Clusters
from evenkeel.metrics import find_metric, metrics_of
from evenkeel.metrics.metric import Metric
from evenkeel.metrics.scorer import Truth
from evenkeel.prediction import Prediction
from evenkeel.reference import Profiles
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
    profiles: Profiles | None = None
    """What its training data looked like; None where its bundle does not say."""


@dataclass(frozen=True)
class Rival:
    """What a candidate is compared with."""

    scores: Scores
    leads: tuple[Lead, ...]
    """How much better the candidate is, by the gate's metric first."""

    @property
    def advantage(self) -> Interval:
        """How much better it is by the gate's metric."""
        return self.leads[0].advantage


@dataclass(frozen=True)
class Probes:
    """What was learnt by asking the candidate more than the evaluation rows."""

    canary: Canary
    behaviour: tuple[BehaviourScore, ...] = ()
    losses: tuple[ColumnLoss, ...] = ()
    """Each nullable feature taken away; empty where the project sets no limit."""
    profiles: Profiles | None = None
    """What the candidate's training data looked like; None where its bundle does not say."""


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
    gaps: tuple[Gap, ...]
    reliability: tuple[ReliabilityBin, ...]
    """Empty for regression."""
    cost: Cost
    probes: Probes
    shift: Shift | None
    """How far training data moved since the champion's; None where one of the two does not say."""

    @property
    def calibration_error(self) -> float:
        """Expected calibration error; NaN where there are no probabilities."""
        return calibration_error(self.reliability)


def gather(
    bundle: str, answers: Answers, champion: Champion | None, cost: Cost, probes: Probes, project: Project
) -> Evidence:
    """Measure everything. Raises ProjectError where the project names a metric or slice that cannot be."""
    gates, task, rule = project.gates, project.target.task, project.gates.champion
    deciding = find_metric(gates.metric, task)
    also = {find_metric(name, task): margin for name, margin in rule.also.items()}
    models = {CANDIDATE: answers.candidate, BASELINE: baseline(answers.truth, len(project.classes))}
    if champion is not None and champion.prediction is not None:
        models[CHAMPION] = champion.prediction
    table = compare(models, answers.truth, answers.clusters, metrics_of(task), gates, project.model.seed)

    def rival(name: str, margins: Mapping[Metric, float], confidence: float) -> Rival:
        return Rival(table.scores(name, gates.confidence), table.leads(name, margins, confidence))

    judged = answers.columns, answers.truth, answers.candidate, answers.clusters, project
    beside = rival(CHAMPION, {deciding: rule.margin, **also}, rule.confidence) if CHAMPION in models else None
    return Evidence(
        bundle=bundle,
        rows=len(answers.truth),
        scores=table.scores(CANDIDATE, gates.confidence),
        baseline=rival(BASELINE, {deciding: -gates.baseline_margin}, gates.confidence),
        champion=champion,
        beside_champion=beside,
        slices=score_slices(*judged),
        gaps=find_gaps(*judged),
        reliability=reliability(answers.truth, answers.candidate),
        cost=cost,
        probes=probes,
        shift=_shift(probes, champion, project),
    )


def _shift(probes: Probes, champion: Champion | None, project: Project) -> Shift | None:
    if champion is None or champion.profiles is None or probes.profiles is None:
        return None
    return shift_between(probes.profiles, champion.profiles, project)
