"""Texts that would run, or hide something, in a page that does not escape them; and documents that
have them wherever a document has a text of its own.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.browser.chromium import FIRED

SCHEMAS = Path(__file__).parents[2] / "schemas"

MARKUP = (
    f"<script>{FIRED}</script>",
    f"</script><script>{FIRED}</script>",
    f"</ScRiPt ><script>{FIRED}</script>",
    f"--></script><script>{FIRED}//",
    f"<!--<script>{FIRED}",
    f"<!--<script></script>--><script>{FIRED}</script>",
    f"]]><script>{FIRED}</script>",
    f"<![CDATA[<script>{FIRED}</script>]]>",
    f"</style><script>{FIRED}</script>",
    f"</title><script>{FIRED}</script>",
    f"</textarea></noscript></template><script>{FIRED}</script>",
    f'"><script>{FIRED}</script>',
    f"'><script>{FIRED}</script>",
    f"<scr<script>ipt>{FIRED}</scr</script>ipt>",
    f"<script\x00>{FIRED}</script>",
    f"<\x00script>{FIRED}</script>",
    f"<script\n>{FIRED}</script\n>",
    f'<img src=x onerror="{FIRED}">',
    f"<img/src=x/onerror='{FIRED}'>",
    f'<IMG SRC="data:image/png,x" ONERROR="{FIRED}">',
    f'<svg onload="{FIRED}">',
    f'<svg/onload="{FIRED}"/>',
    f"<svg><script>{FIRED}</script></svg>",
    f'<svg><animate onbegin="{FIRED}" attributeName=x dur=1s></svg>',
    f'<math><mtext><table><mglyph><style><img src=x onerror="{FIRED}">',
    f'<body onload="{FIRED}">',
    f'<details open ontoggle="{FIRED}">x</details>',
    f'<input autofocus onfocus="{FIRED}">',
    f'<video><source onerror="{FIRED}"></video>',
    f'<marquee onstart="{FIRED}">x</marquee>',
    f'<style>@keyframes x{{}}</style><b style="animation-name:x" onanimationstart="{FIRED}">x</b>',
    f'<iframe srcdoc="<script>{FIRED}</script>"></iframe>',
    f'<iframe src="javascript:{FIRED}"></iframe>',
    f'<object data="javascript:{FIRED}"></object>',
    f'<a href="javascript:{FIRED}" autofocus>x</a>',
    f'<form action="javascript:{FIRED}"><button autofocus>x</button></form>',
    f'<meta http-equiv="refresh" content="0;url=javascript:{FIRED}">',
    '<base href="https://attacker.example/">',
    '<link rel="stylesheet" href="https://attacker.example/x.css">',
    "<img src=https://attacker.example/x.png>",
    "<style>@import 'https://attacker.example/x.css';</style>",
    '<meta http-equiv="Content-Security-Policy" content="script-src *">',
    f"<x onclick={FIRED} tabindex=1 id=x></x>",
)
ATTRIBUTES = (
    f'" onmouseover="{FIRED}" x="',
    f"' onfocus='{FIRED}' autofocus='",
    f'" autofocus onfocus="{FIRED}',
    f"` onload=`{FIRED}",
    'x" style="background:url(https://attacker.example/)',
    f"javascript:{FIRED}",
    f"JaVaScRiPt:{FIRED}",
    f"java\tscript:{FIRED}",
    f"\x01javascript:{FIRED}",
    f"data:text/html,<script>{FIRED}</script>",
    f"vbscript:{FIRED}",
    "//attacker.example/x",
    "https://attacker.example/x",
)
SCRIPTS = (
    f"${{{FIRED}}}",
    f"{{{{constructor.constructor('{FIRED}')()}}}}",
    f"');{FIRED};//",
    f'");{FIRED};//',
    f'\\");{FIRED};//',
    f"\u2028{FIRED}\u2029",
    f"*/{FIRED}/*",
    "__proto__",
    "constructor",
    '{"__proto__": {"tone": "danger"}}',
    "&lt;script&gt;&#60;script&#62;&amp;",
    "&#x3c;img src=x onerror=1&#x3e;",
    "%3Cscript%3E",
    "\\u003cscript\\u003e",
    "+ADw-script+AD4-",
)
LETTERS = (
    "\u202egnp.exe\u202c",
    "\u2066x\u2069\u200f\u200e",
    "a\u200bb\u2060c\ufeffd",
    "\u0000\u0007\u001b[31m\u009b",
    "\ufe64script\ufe65",  # small signs, which a careless normalization makes real
    "\uff1cscript\uff1e",
    "\u0338<\u0338",
    "\ud800",
    "\U000e0061\U000e007f",
    "\ufffe\uffff",
    "e\u0301" * 40,
    "\u3164",
    "가" * 200,
    "x" * 2_000,
)
TEXTS = (*MARKUP, *ATTRIBUTES, *SCRIPTS, *LETTERS)


class Filler:
    """Fills documents. Equal texts of a document get equal hostile ones, so that the steps of a plan
    still name each other.
    """

    def __init__(self, first: int = 0) -> None:
        self._next = itertools.count(first)
        self.given: dict[str, str] = {}

    def text(self, before: str) -> str:
        """A hostile text for one of a document."""
        if before not in self.given:
            self.given[before] = f"{TEXTS[next(self._next) % len(TEXTS)]} {before}"
        return self.given[before]

    def document(self, found: Any, schema_name: str) -> Any:
        """A document with hostile texts in all places that its schema leaves open."""
        schema = json.loads((SCHEMAS / f"{schema_name}.schema.json").read_text("utf-8"))
        return self._filled(found, schema, schema)

    def _filled(self, found: Any, part: Any, schema: Mapping[str, Any]) -> Any:
        parts = list(_parts(part, schema))
        if isinstance(found, str):
            closed = any({"enum", "const", "pattern", "format"} & each.keys() for each in parts)
            return found if closed else self.text(found)
        if isinstance(found, list):
            items = [each["items"] for each in parts if isinstance(each.get("items"), Mapping)]
            return [self._filled(each, {"allOf": items}, schema) for each in found]
        if isinstance(found, Mapping):
            named = {
                name: rule for each in parts for name, rule in each.get("properties", {}).items()
            }
            others = [
                each["additionalProperties"]
                for each in parts
                if isinstance(each.get("additionalProperties"), Mapping)
            ]
            closed = any("propertyNames" in each for each in parts)
            return {
                (name if closed or name in named else self.text(name)): self._filled(
                    value, named.get(name, {"allOf": others}), schema
                )
                for name, value in found.items()
            }
        return found


def _parts(part: Any, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """A schema with all that it refers to."""
    if not isinstance(part, Mapping):
        return
    yield part
    if "$ref" in part:
        target: Any = schema
        for name in part["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        yield from _parts(target, schema)
    for word in ("allOf", "anyOf", "oneOf"):
        for each in part.get(word, ()):
            yield from _parts(each, schema)


def leaves(found: Any, wanted: Callable[[str], bool] = lambda _: True) -> Iterator[tuple[str, Any]]:
    """The scalars of a document, each with its path; names of members that `wanted` refuses are left
    out.
    """

    def walk(value: Any, path: str) -> Iterator[tuple[str, Any]]:
        if isinstance(value, Mapping):
            for name, each in value.items():
                if wanted(f"{path}.{name}".lstrip(".")):
                    yield from walk(each, f"{path}.{name}".lstrip("."))
        elif isinstance(value, list):
            for each in value:
                yield from walk(each, f"{path}[]")
        else:
            yield path, value

    yield from walk(found, "")
