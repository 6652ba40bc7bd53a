"""``/``: the page for people. The model's card, a form made from its contract, and how to ask from elsewhere.

Everything is made here: no script, no font, no picture comes from another place, and the form works without JavaScript,
but where callers need a key (``serving.keyform``).
"""

import json
import shlex
from typing import Any
from urllib.parse import parse_qs

from markupsafe import Markup

from evenkeel.page import badge, heading, paragraph, render_page, table, verdict
from serving.auth import Keys
from serving.explain import explain
from serving.form import STYLE, form, read_form
from serving.http import HTML, Call, Header, Reply
from serving.inputs import input_columns
from serving.keyform import SCRIPT_DIGEST, key_form
from serving.model import Model
from serving.openapi import example_row
from serving.plane import Plane
from serving.problem import RefusedError

_EFFECTS = 8
"""Columns shown in the answer's explanation."""
_FORM = b"application/x-www-form-urlencoded"
_SNIFF = (b"x-content-type-options", b"nosniff")


def _headers(policy: bytes) -> tuple[Header, ...]:
    """Nothing is loaded but what the policy adds, and no other page shows it in a frame."""
    usual = (
        b"default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTML, (b"content-security-policy", usual + policy), _SNIFF, (b"referrer-policy", b"no-referrer")


PAGE = _headers(b"")
"""Headers of a page."""
_PAGE_WITH_KEYS = _headers(b"; connect-src 'self'; script-src '" + SCRIPT_DIGEST + b"'")


class Landing:
    """The page, empty or with an answer on it."""

    def __init__(self, plane: Plane, keys: Keys | None, dashboard: str | None) -> None:
        self._plane = plane
        self._keys = keys
        self._dashboard = dashboard
        self._headers = PAGE if keys is None else _PAGE_WITH_KEYS

    def show(self, call: Call) -> Reply:
        """``GET /``; without a key, where one is needed, only a field for it."""
        if self._keys is not None:
            try:
                self._keys.who(call.headers)
            except RefusedError as refusal:
                page = render_page("Evenkeel", "A model server.", [STYLE, key_form()])
                return Reply(refusal.status, page.encode(), (*self._headers, *refusal.headers))
        model = self._plane.slot.model
        if model is None:
            waiting = [verdict("warn", "No model is loaded yet", "The server is alive and looks for a release.")]
            return Reply(503, render_page("Evenkeel", "A model server.", waiting).encode(), self._headers)
        return self._page(call, model, example_row(model), [])

    def answer(self, call: Call) -> Reply:
        """``POST /``: the form's row, answered on the same page. Raises RefusedError where it is no form."""
        model = self._plane.model()
        if call.headers.get(b"content-type", b"").partition(b";")[0].strip().lower() != _FORM:
            raise RefusedError(415, "content_type", f"/ takes its own form ({_FORM.decode()}); programs ask /predict")
        row = read_form(parse_qs(call.read().decode("latin-1"), keep_blank_values=True), input_columns(model))
        try:
            entry = model.door.records([row])
        except RefusedError as refusal:
            return self._page(call, model, row, [_refused(refusal)], refusal.status)
        answer = self._plane.predict(call, model, entry)
        effects = explain(model, entry, answer.prediction)["rows"][0]
        return self._page(call, model, row, [_answered(answer.rows()[0]), _effects(effects)])

    def _page(self, call: Call, model: Model, row: dict[str, Any], first: list[Markup], status: int = 200) -> Reply:
        lead = model.project.description or f"{model.manifest.task} by {model.manifest.estimator}"
        host = call.headers.get(b"host", b"localhost:8080").decode("latin-1")
        trying = [heading("Try it"), form(input_columns(model), row)]
        ways = _ways(host, example_row(model), keys=self._keys is not None)
        blocks = [STYLE, *first, _card(model), *trying, *_proof(model), *ways, _links(self._dashboard)]
        return Reply(status, render_page(model.name, lead, blocks).encode(), self._headers)


def _card(model: Model) -> Markup:
    manifest = model.manifest
    facts: list[tuple[str, str | Markup]] = [
        ("Version", model.version),
        ("In use since", f"{model.since:%Y-%m-%d %H:%M} UTC"),
        ("Gates", badge("pass" if model.certified else "fail")),
        ("Estimator", manifest.estimator),
        ("Data version", manifest.data_version),
        ("Rows", f"{manifest.train_rows:,} to train, {manifest.evaluation_rows:,} to evaluate"),
        ("Digest", model.bundle.digest),
    ]
    if manifest.threshold is not None:
        facts.insert(3, ("Threshold", f"{manifest.threshold:.4g}"))
    rows = Markup("").join(Markup("<dt>{}</dt><dd>{}</dd>").format(*fact) for fact in facts)
    return Markup('<dl class="facts">{}</dl>').format(rows)


def _proof(model: Model) -> list[Markup]:
    certificate = model.bundle.certificate
    if certificate is None:
        return [verdict("fail", "Nothing was proved about this model", "It runs with --allow-uncertified.")]
    metrics = [
        (name, f"{metric.value:.4g}", f"{metric.low:.4g} to {metric.high:.4g}")
        for name, metric in sorted(certificate.metrics.items())
    ]
    checks = [(badge(check.verdict), check.gate, check.subject, check.reason) for check in certificate.checks]
    quality = [heading("How good it is"), table(["Metric", "Value", "Interval"], metrics)] if metrics else []
    return [*quality, heading("What it had to pass"), table(["", "Gate", "Of", "Why"], checks)]


def _ways(host: str, row: dict[str, Any], *, keys: bool) -> list[Markup]:
    body = json.dumps({"rows": [row]}, ensure_ascii=False)
    key = ' -H "Authorization: Bearer $KEY"' if keys else ""
    curl = f"curl -s http://{host}/predict -H 'content-type: application/json'{key} \\\n  -d {shlex.quote(body)}"
    header = ', "authorization": f"Bearer {key}"' if keys else ""
    python = (
        "import json, urllib.request\n\n"
        f"body = json.dumps({{'rows': [{row!r}]}}).encode()\n"
        f'headers = {{"content-type": "application/json"{header}}}\n'
        f'request = urllib.request.Request("http://{host}/predict", body, headers)\n'
        "print(json.load(urllib.request.urlopen(request)))"
    )
    return [heading("Ask from elsewhere"), _code(curl), _code(python)]


def _links(dashboard: str | None) -> Markup:
    links = [("/docs", "API"), ("/openapi.json", "OpenAPI"), ("/model", "card as JSON"), ("/metrics", "metrics")]
    if dashboard is not None:
        links.insert(0, (dashboard, "drift and live quality"))
    return paragraph(Markup(" · ").join(Markup('<a href="{}">{}</a>').format(*link) for link in links))


def _code(text: str) -> Markup:
    return Markup("<pre>{}</pre>").format(text)


def _answered(row: dict[str, Any]) -> Markup:
    told = Markup("Tell what turned out to be true at /feedback, by its id <code>{}</code>").format(row["id"])
    if "value" in row:
        interval = row.get("interval")
        between = f", between {interval[0]:.6g} and {interval[1]:.6g}" if interval else ""
        return verdict("pass", f"{row['value']:.6g}{between}", told)
    shares = ", ".join(f"{name} {share:.1%}" for name, share in row["probabilities"].items())
    return verdict("pass", f"{row['label']} ({shares})", told)


def _effects(effects: dict[str, float]) -> Markup:
    largest = sorted(effects.items(), key=lambda pair: -abs(pair[1]))[:_EFFECTS]
    rows = [(name, f"{effect:+.4g}") for name, effect in largest]
    return Markup("{}{}").format(
        table(["Column", "Effect on the score"], rows),
        paragraph("Ablation: the score less the score with this column at its typical value. It is no cause."),
    )


def _refused(refusal: RefusedError) -> Markup:
    told = Markup("<br>").join(problem.message for problem in refusal.problems) or str(refusal)
    return verdict("fail", "The row breaks the contract" if refusal.problems else "There is no answer now", told)
