"""Pages are self-contained, and what they show cannot become markup."""

import re

from markupsafe import Markup

from evenkeel.page import badge, figure, heading, paragraph, render_page, table, verdict


def test_everything_given_is_escaped() -> None:
    evil = "<script>alert(1)</script>"
    page = render_page(
        evil, evil, [heading(evil), paragraph(evil), table([evil], [[evil]]), verdict("pass", evil, evil)]
    )
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 9


def test_no_asset_comes_from_elsewhere() -> None:
    page = render_page("t", "l", [badge("fail"), figure(Markup("<svg></svg>"), "c")])
    assert not re.search(r"(src|href)=|@import|url\(", page)
