"""The validation report for people: what is wrong, with rows to look at, and what each column holds."""

from collections.abc import Sequence

from markupsafe import Markup

from components.validate.inspection import Inspection
from components.validate.profile import Profile
from evenkeel.contract import Finding, Sample
from evenkeel.page import badge, heading, paragraph, render_page, table, verdict

_VERDICTS = {
    "pass": "Every row keeps the contract",
    "warn": "The run goes on, with findings",
    "fail": "The run was refused",
}


def render(project: str, inspection: Inspection, columns: Sequence[Profile]) -> str:
    """The whole page."""
    blocks = [
        verdict(inspection.verdict, _VERDICTS[inspection.verdict], inspection.refusal or _set_aside(inspection)),
        table(
            ["rows", "trained on", "break an error rule", "without target", "findings"],
            [
                [
                    f"{inspection.rows:,}",
                    f"{inspection.kept.num_rows:,}",
                    f"{inspection.bad:,}",
                    f"{inspection.without_target:,}",
                    len(inspection.findings),
                ]
            ],
        ),
        heading("Findings"),
        _findings(inspection),
        heading("Columns"),
        paragraph(
            "Of the rows that are trained on: smallest, median and largest value (of texts: their length in"
            " characters), or the most frequent values and their rows."
        ),
        table(["column", "type", "missing", "values", "distribution"], [_column(column) for column in columns]),
    ]
    return render_page(f"Data of {project}", "The data held against the contract, column by column.", blocks)


def _set_aside(inspection: Inspection) -> str:
    if not (aside := inspection.set_aside.num_rows):
        return ""
    return (
        f"{aside:,} rows ({aside / inspection.rows:.2%}) were set aside, each with its reasons, in the quarantine file."
    )


def _findings(inspection: Inspection) -> Markup:
    if not inspection.findings:
        return paragraph("None.")
    rows = [_finding(finding) for finding in inspection.findings]
    return table(["", "column", "rule", "what", "for example"], rows)


def _finding(finding: Finding) -> list[str | Markup]:
    return [
        badge("fail" if finding.severity == "error" else "warn"),
        finding.column or "(table)",
        finding.rule,
        finding.message,
        Markup("<br>").join(_sample(sample) for sample in finding.samples),
    ]


def _sample(sample: Sample) -> Markup:
    value = Markup("") if sample.value is None else Markup(" <code>{}</code>").format(sample.value)
    return Markup("row {}{}").format(f"{sample.row:,}", value)


def _column(column: Profile) -> list[str | Markup]:
    return [column["name"], column["type"], f"{column['missing']:.1%}", _values(column), _bars(column)]


def _values(column: Profile) -> Markup:
    if "low" in column:
        text = " … ".join(_short(column[end]) for end in ("low", "median", "high"))
    elif "top" in column:
        shown = [f"{value[:30]} ({count:,})" for value, count in column["top"]]
        more = column["distinct"] - len(shown)
        text = ", ".join([*shown, f"{more:,} more"] if more else shown)
    elif "distinct" in column:
        text = f"{column['distinct']:,} different values"
    else:
        text = "not shown"
    return Markup('<span style="display:inline-block;min-width:13rem">{}</span>').format(text)


def _short(value: float | str) -> str:
    if isinstance(value, str):
        return value.replace("T00:00:00", "")
    return f"{value:,.0f}" if value.is_integer() and abs(value) < 1e15 else f"{value:,.6g}"


def _bars(column: Profile) -> Markup:
    """An inline SVG of the histogram, or of the most frequent values."""
    counts = column.get("histogram") or [count for _, count in column.get("top", [])]
    if not counts:
        return Markup("")
    step, height = 120 / len(counts), 28
    bars = Markup("").join(
        Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
            place * step, height - height * count / max(counts), step * 0.9, height * count / max(counts)
        )
        for place, count in enumerate(counts)
    )
    return Markup(
        '<svg width="120" height="{0}" viewBox="0 0 120 {0}" fill="var(--accent)" role="img">{1}</svg>'
    ).format(height, bars)
