"""A form made from a contract, and a row made from what the form sends."""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from evenkeel.config import Column, ColumnType
from evenkeel.table import label_text

STYLE = Markup(
    "<style>form.try{display:grid;grid-template-columns:repeat(auto-fill,minmax(13rem,1fr));gap:.8rem 1.2rem}"
    "form.try label{display:flex;flex-direction:column;gap:.15rem;font-weight:600;font-size:.92rem;"
    "overflow-wrap:anywhere}form.try small{font-weight:400;color:var(--soft);order:3}"
    "form.try input,form.try select,form.try textarea{font:inherit;font-weight:400;width:100%;padding:.4rem .5rem;"
    "color:var(--ink);background:var(--panel);border:1px solid var(--line);border-radius:6px}"
    "form.try textarea,form.try .wide{grid-column:1/-1}form.try button{grid-column:1/-1;justify-self:start;"
    "font:inherit;font-weight:600;padding:.5rem 1.4rem;border:0;border-radius:6px;background:var(--accent);"
    "color:var(--paper);cursor:pointer}form.try :focus-visible{outline:2px solid var(--accent);outline-offset:1px}"
    "dl.facts{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;margin:1rem 0}"
    "dl.facts dt{color:var(--soft)}dl.facts dd{margin:0;overflow-wrap:anywhere}</style>"
)


_OPTION = Markup('<option value="{}">{}</option>')
_CHOSEN = Markup('<option value="{}" selected>{}</option>')


def form(columns: Mapping[str, Column], values: Mapping[str, Any]) -> Markup:
    """One field per column, holding its value."""
    fields = Markup("").join(_field(name, column, values.get(name)) for name, column in columns.items())
    return Markup('<form class="try" method="post" action="/">{}<button>Predict</button></form>').format(fields)


def read_form(sent: Mapping[str, Sequence[str]], columns: Mapping[str, Column]) -> dict[str, Any]:
    """The row as JSON would give it. What is no number stays text: the contract says what is wrong with it."""
    return {name: _read(column, sent[name][-1]) for name, column in columns.items() if name in sent}


def _field(name: str, column: Column, value: Any) -> Markup:
    choices = _choices(column)
    wide = "wide" if column.type is ColumnType.TEXT else ""
    if choices is not None:
        control = _select(name, choices, value, nullable=column.nullable)
    elif column.type is ColumnType.TEXT:
        control = Markup('<textarea name="{}" rows="4">{}</textarea>').format(name, "" if value is None else value)
    else:
        control = _input(name, column, value)
    return Markup('<label class="{}">{}<small>{}</small>{}</label>').format(wide, name, _hint(column), control)


def _choices(column: Column) -> Sequence[Any] | None:
    return (True, False) if column.type is ColumnType.BOOLEAN else column.categories


def _select(name: str, choices: Sequence[Any], value: Any, *, nullable: bool) -> Markup:
    texts = [("", "(missing)")] * nullable + [(label_text(choice), label_text(choice)) for choice in choices]
    chosen = "" if value is None else label_text(value)
    options = Markup("").join((_CHOSEN if text == chosen else _OPTION).format(text, told) for text, told in texts)
    return Markup('<select name="{}">{}</select>').format(name, options)


def _input(name: str, column: Column, value: Any) -> Markup:
    attributes: dict[str, Any] = {
        "name": name,
        "type": "text",
        "value": "" if value is None else str(value).removesuffix(".0"),
    }
    if column.type in (ColumnType.INTEGER, ColumnType.NUMBER):
        step = 1 if column.type is ColumnType.INTEGER else "any"
        attributes |= {"type": "number", "step": step, "min": column.min, "max": column.max}
    attributes["required"] = None if column.nullable else "required"
    told = Markup("").join(Markup(' {}="{}"').format(*pair) for pair in attributes.items() if pair[1] is not None)
    return Markup("<input{}>").format(told)


def _hint(column: Column) -> str:
    parts = [column.description] if column.description else []
    if column.min is not None or column.max is not None:
        low, high = (("" if bound is None else f"{bound:g}") for bound in (column.min, column.max))
        parts.append(f"{low} to {high}" if low and high else f"at least {low}" if low else f"at most {high}")
    if column.type is ColumnType.DATETIME:
        parts.append(column.format or "such as 2026-01-31T12:00:00")
    return "; ".join(parts)


def _read(column: Column, text: str) -> Any:
    if text == "" and column.nullable:
        return None
    choices = _choices(column)
    if choices is not None:
        return next((choice for choice in choices if label_text(choice) == text), text)
    try:
        if column.type is ColumnType.INTEGER:
            return int(text)
        if column.type is ColumnType.NUMBER:
            return float(text)
    except ValueError:
        return text
    return text
