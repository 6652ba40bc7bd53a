"""The landing page where callers need a key: a field for it, and the one script that sends it.

The key stays in the open page. It is never stored, never in an address and never in a form's body.
"""

import base64
import hashlib

from markupsafe import Markup

_SCRIPT = """
let key = "";
addEventListener("submit", async event => {
  event.preventDefault();
  const form = event.target, sent = new FormData(form), first = form.id === "key";
  if (first) key = form.elements.key.value;
  const how = first ? {} : {method: "POST", body: new URLSearchParams(sent)};
  const answer = await fetch("/", {...how, headers: {authorization: "Bearer " + key}}), text = await answer.text();
  if (answer.headers.get("content-type").startsWith("text/html")) {
    const page = new DOMParser().parseFromString(text, "text/html");
    document.title = page.title;
    document.body.replaceWith(page.body);
    if (first && answer.status === 401) document.getElementById("told").textContent = "The key is not known here.";
  } else {
    const told = document.createElement("p");
    told.textContent = JSON.parse(text).error.message;
    form.before(told);
  }
  scrollTo(0, 0);
});
"""
SCRIPT_DIGEST = b"sha256-" + base64.b64encode(hashlib.sha256(_SCRIPT.encode()).digest())
"""What a content security policy lets run."""
_FORM = Markup(
    '<form class="try" id="key"><label class="wide">Key<small id="told">Callers of this server need one.</small>'
    '<input name="key" type="password" autocomplete="off" required></label><button>Enter</button></form>'
    "<script>{}</script>"
)


def key_form() -> Markup:
    """The field and the script."""
    return _FORM.format(Markup(_SCRIPT))  # noqa: S704  nothing of a request is in it
