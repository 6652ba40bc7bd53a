"""What a column's name says about it. Hints only: each is used together with evidence from the values."""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")

IDENTIFIER = {"id", "ids", "uuid", "guid", "key", "identifier", "ref", "reference", "serial", "number", "no", "nr"}
SUBJECT = {
    "account", "client", "company", "customer", "device", "driver", "employee", "household", "machine", "member",
    "participant", "patient", "person", "policyholder", "player", "respondent", "student", "subject", "user",
}  # fmt: skip
PEOPLE = {
    "client", "customer", "employee", "individual", "participant", "patient", "person", "respondent", "student",
    "subject", "user",
}  # fmt: skip
"""Subjects that need no further word: a column 'device' may well hold kinds of devices."""
ROW = {"index", "row", "rownum", "rowid", "rownames", "rownumber", "unnamed"}
CODE = {
    "area", "branch", "category", "channel", "class", "cluster", "code", "country", "county", "department", "group",
    "grade", "id", "level", "month", "occupation", "plan", "postcode", "product", "race", "region", "sector", "segment",
    "sex", "gender", "state", "status", "store", "tier", "type", "weekday", "zip", "zone",
}  # fmt: skip
TEXT = {
    "abstract", "body", "comment", "comments", "content", "description", "feedback", "message", "note", "notes",
    "review", "summary", "text", "title", "tweet", "headline",
}  # fmt: skip
EVENT = {
    "at", "created", "date", "datetime", "day", "event", "observed", "ordered", "recorded", "time", "timestamp", "ts",
    "when",
}  # fmt: skip
SHARE = {"fraction", "percentage", "prob", "probability", "proportion", "rate", "ratio", "share"}
BIRTH = {"birth", "birthday", "birthdate", "dob", "born"}
PERSONAL = {
    "address", "birthdate", "birthday", "dob", "email", "firstname", "fullname", "iban", "ip", "lastname", "mail",
    "mobile", "passport", "phone", "ssn", "street", "surname", "telephone",
}  # fmt: skip


def words(name: str) -> set[str]:
    """The words of a name, in lower case: 'CustomerID' and 'customer id' are both {customer, id}."""
    return {word.lower() for word in _WORD.findall(name)}


def names_an_id(name: str) -> bool:
    """customer_id, PassengerId, userid, uuid, order no."""
    joined = any(name.lower() == f"{subject}{suffix}" for subject in SUBJECT for suffix in ("id", "no", "key"))
    return bool(words(name) & IDENTIFIER) or joined


def names_a_subject(name: str) -> bool:
    """A name for whom or what several rows may be about: customer_id, device no, patient."""
    named = names_an_id(name) and any(subject in name.lower() for subject in SUBJECT)
    return named or (len(parts := words(name)) == 1 and parts <= PEOPLE)


def names_a_row_number(name: str) -> bool:
    """The index column that pandas and R leave in files: '', 'Unnamed: 0', 'index', 'rownames'."""
    parts = words(name)
    return not parts or (bool(parts & ROW) and not parts & IDENTIFIER) or name.startswith("__index_level_")


def is_personal(name: str) -> bool:
    """email, phone, ssn, address, a person's name (and not the name of a product)."""
    parts = words(name)
    return bool(parts & PERSONAL) or parts in ({"name"}, {"first", "name"}, {"last", "name"}, {"full", "name"})
