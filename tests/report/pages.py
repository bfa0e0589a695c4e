"""A report as a tree of its elements, read by Python's own parser and not by ours."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = frozenset({"meta"})


@dataclass
class Element:
    """An element: what it has of text, at any depth, is `text`."""

    tag: str
    attributes: Mapping[str, str | None] = field(default_factory=dict)
    children: list[Element | str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(child if isinstance(child, str) else child.text for child in self.children)

    @property
    def every(self) -> Iterator[Element]:
        """The element, and all that are in it."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child.every

    def all(self, tag: str, class_: str | None = None) -> list[Element]:
        """The elements of a tag in it, in order."""
        return [
            each
            for each in self.every
            if each.tag == tag
            and (class_ is None or class_ in str(each.attributes.get("class")).split())
        ]

    def codes(self) -> list[str]:
        """The texts of its names and values."""
        return [each.text for each in self.all("code")]

    def part(self, name: str) -> Element:
        """The part of a page with this name; an empty element if there is none."""
        found = [
            each
            for each in self.all("section")
            if str(each.attributes.get("id")).endswith(f"-{name}")
        ]
        return found[0] if found else Element("section")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), (tag, attrs)
        found = Element(tag, dict(attrs))
        self.open[-1].children.append(found)
        if tag not in VOID:
            self.open.append(found)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)

    def handle_decl(self, decl: str) -> None:
        assert decl == "DOCTYPE html"

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


def tree(page: bytes) -> Element:
    """The elements of a page. Each one that begins must end where it may."""
    reader = _Reader()
    reader.feed(page.decode("utf-8"))
    reader.close()
    assert reader.open == [reader.root]
    return reader.root


def content(page: bytes) -> Element:
    """What a reader sees: the element `main`."""
    (found,) = tree(page).all("main")
    return found


def graphs(page: bytes) -> list[dict[str, Any]]:
    """The graphs of a page as its script reads them: nodes by id, and edges between ids."""
    data = json.loads(tree(page).all("script")[0].text)
    return [_graph(each) for each in data["graphs"]]


def _graph(data: Mapping[str, Any]) -> dict[str, Any]:
    nodes = {}
    for address, kind, *rest in data["nodes"]:
        operation, label, wave, tone = data["kinds"][kind]
        (id,) = rest or (f"{operation} {address}",)
        nodes[id] = {
            "address": address,
            "operation": operation,
            "label": label,
            "wave": wave,
            "tone": tone,
        }
    assert len(nodes) == len(data["nodes"])
    ids = list(nodes)
    edges = [(ids[before], ids[after]) for before, after in data["edges"]]
    return {"stack": data["stack"], "nodes": nodes, "edges": edges}
