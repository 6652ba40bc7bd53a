"""The tree that the module draws is the tree that it defines."""

import re

from evenkeel import errors


def test_the_drawing_is_the_tree() -> None:
    assert errors.__doc__ is not None
    drawn = {match[2]: match[1] for match in re.finditer(r"^([│├└─ ]*)(\w+Error)\b", errors.__doc__, re.MULTILINE)}
    defined = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}
    assert set(drawn) == set(defined)
    for name, kind in defined.items():
        depth = len(kind.__mro__) - len(errors.EvenkeelError.__mro__)
        assert len(drawn[name]) == 4 * depth, name
        assert kind.__doc__
