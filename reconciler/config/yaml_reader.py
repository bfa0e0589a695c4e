"""Reads stack files strictly into a `Document`, with the place of every value.

The library parses and composes in C. A conversion checks its nodes and keeps their places. pyyaml
is imported only here.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import yaml

from reconciler.common.text import msg
from reconciler.config import document, yaml_errors
from reconciler.config.document import Document, Node, Scalar, Sequence, Table
from reconciler.config.inputs import merge_keys
from reconciler.config.text_edits import Piece
from reconciler.config.yaml_layout import Layout, Token
from reconciler.model.diagnostics import Place, Problem, error

DEPTH_MAX = 64
"""The maximum depth of nested lists and mappings."""

ALIASED_NODES_MAX = 20_000
"""The maximum number of nodes to which the aliases of one file expand."""

PROBLEMS_MAX = 100
"""The maximum number of mistakes that are reported for one file; reading stops there."""

_SURROGATE = re.compile("[\\ud800-\\udfff]")
_ANCHOR_OR_BARE_TAG = re.compile(r"&[\w-]|!(?:[\s,>]|\Z)")
_NUMERIC = frozenset("-0123456789")
_KEYWORDS: dict[str, bool | None] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "false": False,
}


def read(text: str, file: str) -> tuple[Document, tuple[Problem, ...]]:
    """The document of a text that is not on disk. `file` is its name in messages."""
    problems: list[Problem] = []
    with without_garbage_collection():
        root = parse(text, file, problems)
    return Document(root or document.empty(file), (file,), whole=is_whole(problems)), tuple(
        problems
    )


def layout(text: str) -> tuple[Piece, ...]:
    """Every node of a valid YAML text, in the order in which they begin, for edits that leave the
    rest unchanged.
    """
    loader, found = _Loader(text), Layout()
    try:
        while not isinstance(event := loader.get_event(), yaml.StreamEndEvent):
            _lay(event, found)
    finally:
        loader.dispose()
    return found.pieces()


def _lay(event: Any, found: Layout) -> None:
    kind, mark, end = type(event), event.start_mark, event.end_mark.index
    place, anchor = (
        (mark.line + 1, mark.column + 1, mark.index),
        getattr(event, "anchor", None) or "",
    )
    if kind is yaml.ScalarEvent:
        found.leaf(place, end, "scalar", event.value, anchor, block_text=event.style in ("|", ">"))
    elif kind is yaml.AliasEvent:
        found.leaf(place, end, "alias", "", anchor)
    elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
        found.open(
            place, anchor, flow=bool(event.flow_style), is_table=kind is yaml.MappingStartEvent
        )
    elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
        found.close(end)


def is_whole(problems: list[Problem]) -> bool:
    """Whether everything could be read, in spite of these problems."""
    return all(problem.code in ("yaml-duplicate-key", "yaml-tag") for problem in problems)


def parse_any(text: str, file: str, problems: list[Problem]) -> Node | None:
    """The value of a text, or None with a problem."""
    if (odd := yaml_errors.control_character(text, file)) is None:
        return _compose(text, file, problems)
    problems.append(odd)
    return None


def parse(text: str, file: str, problems: list[Problem]) -> Table | None:
    """The mapping of a text, or None with a problem."""
    node = parse_any(text, file, problems)
    if node is None or isinstance(node, Table):
        return node
    if isinstance(node, Scalar) and node.value is None and not node.quoted:
        return document.empty(file)
    hint = msg("start with `version: 1` and `stack: NAME`")
    problems.append(
        error("wrong-type", msg("a stack file must be a mapping"), place=node.place, hint=hint)
    )
    return None


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Suspends garbage collection: while loading, many nodes are created and none is freed."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _TooDeep(yaml.MarkedYAMLError):
    """A text is nested deeper than `DEPTH_MAX`."""


# Both in C if the library was built with it, else in Python: slower, and with the same result.
_Base: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Composer: Any = yaml.composer.Composer


class _Loader(_Base):  # type: ignore[misc]
    """Composes nodes whose tag is None for a value without quotes, empty for one with quotes, else
    the tag as written. Depth is checked during reading, because the composer is recursive.
    """

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.unfinished: list[Any] = [None]
        """None and the lists and mappings that are open; after them one that may have ended."""

    def descend_resolver(self, parent: Any, index: Any) -> None:
        """Called before each node."""
        unfinished = self.unfinished
        if parent is unfinished[-1]:
            return
        if parent in unfinished:
            del unfinished[unfinished.index(parent) + 1 :]
            return
        unfinished.append(parent)
        if len(unfinished) > DEPTH_MAX + 1:
            raise _TooDeep(problem_mark=parent.start_mark)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str | None:
        """The tag of a node that was written without one."""
        return None if kind is not yaml.ScalarNode or implicit[0] else ""


class _Alias(yaml.ScalarNode):
    """An alias: `value` is its name, `target` the node, None if there is no such anchor."""

    target: Any = None


# The composer in Python goes before the one in C, if there is one.
_BASES = (_Loader,) if issubclass(_Loader, _Composer) else (_Composer, _Loader)


class _AliasLoader(*_BASES):  # type: ignore[misc]
    """Keeps each alias with its place and the tag `!`, and allows an anchor to be defined again."""

    def __init__(self, text: str) -> None:
        _Composer.__init__(self)
        _Loader.__init__(self, text)

    def compose_node(self, parent: Any, index: Any) -> Any:
        """The next node, or the alias."""
        event = self.peek_event()
        if not self.check_event(yaml.AliasEvent):
            self.anchors.pop(event.anchor, None)
            node = super().compose_node(parent, index)
            node.tag = event.tag or node.tag
            return node
        self.get_event()
        alias = _Alias("", event.anchor, event.start_mark, event.end_mark)
        alias.target = self.anchors.get(event.anchor)
        return alias


def _compose(text: str, file: str, problems: list[Problem]) -> Node | None:
    """The node of a YAML text, or None with a problem. After a mistake the rest is still read, to
    find more mistakes.

    The composer in C does not give the place of an alias, drops the tag `!`, and refuses an anchor
    that is defined twice. A text that may contain one of these is read by the composer in Python.
    """
    conversion = _Conversion(text, file, problems)
    if _ANCHOR_OR_BARE_TAG.search(text) is None:
        loader = _Loader(text)
        try:
            return conversion.document(loader.get_single_node(), None)
        except yaml.composer.ComposerError:
            pass  # an alias without an anchor, or a second document
        except yaml.YAMLError as failure:
            return conversion.broken(loader.unfinished, failure)
        finally:
            loader.dispose()
    loader = _AliasLoader(text)
    try:
        root = loader.get_node() if loader.check_node() else None
        ended = loader.check_event(yaml.StreamEndEvent)
        return conversion.document(root, None if ended else loader.peek_event().start_mark)
    except yaml.YAMLError as failure:
        return conversion.broken(loader.unfinished, failure)
    finally:
        loader.dispose()


def _syntax(failure: yaml.YAMLError, text: str, file: str) -> Problem:
    problem, context = (
        getattr(failure, "problem", None) or str(failure),
        getattr(failure, "context", None) or "",
    )
    mark, begin = getattr(failure, "problem_mark", None), getattr(failure, "context_mark", None)
    index = len(text) if mark is None else mark.index
    return yaml_errors.problem_of(
        text,
        file,
        problem=problem,
        context=context,
        index=index,
        begin=None if begin is None else begin.index,
    )


def _position(mark: Any) -> tuple[int, int]:
    return mark.line + 1, mark.column + 1


class _Stop(Exception):
    """The conversion of a file ends early; the problem is reported already."""


class _Conversion:
    """Converts the nodes of the library to ours, in the order of the text, and checks what the
    library does not: duplicate keys, tags, and how much aliases expand.
    """

    def __init__(self, text: str, file: str, problems: list[Problem]) -> None:
        self._text, self._file, self._problems = text, file, problems
        self._strings: dict[str, str] = {}
        # The nodes that an alias can name, each with its size; None in a text without aliases.
        has_aliases = _ANCHOR_OR_BARE_TAG.search(text) is not None
        self._named: dict[int, tuple[Node, int]] | None = {} if has_aliases else None
        self._count = self._aliased = self._reported = 0

    def document(self, root: Any, second: Any) -> Node | None:
        """The node of a document, or None if reading gave up."""
        try:
            node = Scalar(None, "", self._file, 1, 1) if root is None else self._node(root, 0)
            if second is not None:
                message = msg("a second document starts here (`---`)")
                self._give_up("yaml-syntax", message, second, msg("keep one document per file"))
        except _Stop:
            return None
        return node

    def broken(self, unfinished: list[Any], failure: yaml.YAMLError) -> Node | None:
        """Reports what is wrong before the failure, and the failure."""
        try:
            for node in unfinished[1:]:
                self._node(node, 0)
            self._problems[:] = dict.fromkeys(self._problems)  # the last may be inside another
            if isinstance(failure, _TooDeep):
                self._too_deep(failure.problem_mark)
        except _Stop:
            return None
        self._problems.append(_syntax(failure, self._text, self._file))
        return None

    def _node(self, node: Any, depth: int) -> Node:
        kind = type(node)
        if kind is _Alias:
            return self._alias(node)
        before = self._count
        self._count = before + 1
        if node.tag:
            self._tag(node)
        found: Node
        if kind is yaml.ScalarNode:
            found = self._scalar(node)
        elif depth >= DEPTH_MAX:
            self._too_deep(node.start_mark)
        elif kind is yaml.MappingNode:
            found = self._table(node, depth + 1)
        else:
            items = tuple([self._node(item, depth + 1) for item in node.value])
            found = Sequence(items, self._file, *_position(node.start_mark))
        if self._named is not None:
            self._named[id(node)] = (found, self._count - before)
        return found

    def _scalar(self, node: Any) -> Scalar:
        text = self._strings.setdefault(node.value, node.value)
        mark = node.start_mark
        line, column = mark.line + 1, mark.column + 1
        if node.tag is not None:
            if node.style == '"' and _SURROGATE.search(text):
                # The parser in Python lets pass what the one in C refuses.
                message = msg("double quotes contain half a surrogate pair")
                self._problem("yaml-syntax", message, mark, msg("write the character itself"))
                text = _SURROGATE.sub("\ufffd", text)
            found = Scalar(text, text, self._file, line, column, True)
        elif text[:1] in _NUMERIC and text:
            found = Scalar(document.number(text), text, self._file, line, column)
        else:
            found = Scalar(_KEYWORDS.get(text, text), text, self._file, line, column)
        if "${" not in text:
            return found
        places = yaml_errors.expressions_at(
            self._text, mark.index, node.end_mark.index, line, column, text.count("${")
        )
        return found._replace(expressions_at=places)

    def _table(self, node: Any, depth: int) -> Table:
        entries: dict[str, Node] = {}
        marks: dict[str, tuple[int, int]] = {}
        merged: Node | None = None
        for key_node, value_node in node.value:
            key = self._key(key_node, depth)
            is_merge = key == merge_keys.KEY and key_node.tag is None
            if key in marks:
                first = Place(self._file, *marks[key])
                message = msg("duplicate key `{key}`, first at {place}", key=key, place=first)
                hint = merge_keys.TWICE if is_merge else msg("keep one of them")
                self._problem("yaml-duplicate-key", message, key_node.start_mark, hint)
            value = self._node(value_node, depth)
            if key in marks:
                continue
            marks[key] = _position(key_node.start_mark)
            if is_merge:
                merged = value
            else:
                entries[key] = value
        found = Table(
            entries, tuple(map(marks.__getitem__, entries)), self._file, *_position(node.start_mark)
        )
        if merged is None:
            return found
        found, problems = merge_keys.merged(found, merged)
        reported = {problem.place for problem in self._problems} if problems else set()
        for problem in problems:
            if problem.place not in reported:  # an alias without an anchor
                self._report(problem)
        return found

    def _key(self, node: Any, depth: int) -> str:
        if type(node) is yaml.ScalarNode:
            self._count += 1
            if node.tag:
                self._tag(node)
            text = self._strings.setdefault(node.value, node.value)
            if self._named is not None:
                named = Scalar(text, text, self._file, *_position(node.start_mark), True)
                self._named[id(node)] = (named, 1)
            return text
        found = self._node(node, depth)
        if isinstance(found, Scalar):
            return found.text
        self._problem(
            "yaml-syntax", msg("a key must be a string"), node.start_mark, msg("write `key: value`")
        )
        return ""

    def _alias(self, node: Any) -> Node:
        known = (self._named or {}).get(id(node.target))
        if known is None:
            message, hint = (
                msg("the alias *{anchor} is inside the value that it names", anchor=node.value),
                msg("a value cannot contain itself"),
            )
            if node.target is None:
                message = msg(
                    "the alias *{anchor} has no anchor &{anchor} before it", anchor=node.value
                )
                hint = msg(
                    "an anchor works only in its own file, and only after its line; put a string "
                    "that starts with * in quotes"
                )
            self._problem("yaml-alias", message, node.start_mark, hint)
            known = (Scalar(None, "", self._file, *_position(node.start_mark)), 1)
        found, size = known
        self._count += size
        self._aliased += size
        if self._aliased > ALIASED_NODES_MAX:
            message = msg(
                "the aliases expand to more than {limit:,} values", limit=ALIASED_NODES_MAX
            )
            self._give_up("yaml-alias", message, node.start_mark)
        return found

    def _tag(self, node: Any) -> None:
        tag = node.tag.replace("tag:yaml.org,2002:", "!!")
        message = msg("the tag {tag} is not part of the language", tag=tag)
        hint = msg("leave it out; quotes turn a value into a string")
        self._problem("yaml-tag", message, node.start_mark, hint)

    def _too_deep(self, mark: Any) -> NoReturn:
        message = msg("lists and mappings are nested more than {limit} deep", limit=DEPTH_MAX)
        self._give_up("yaml-depth", message, mark)

    def _give_up(self, code: str, message: str, mark: Any, hint: str | None = None) -> NoReturn:
        self._problem(code, message, mark, hint)
        raise _Stop

    def _problem(self, code: str, message: str, mark: Any, hint: str | None) -> None:
        place = Place(self._file, *_position(mark))
        self._report(error(code, message, place=place, hint=hint))

    def _report(self, problem: Problem) -> None:
        self._problems.append(problem)
        self._reported += 1
        if self._reported >= PROBLEMS_MAX:
            raise _Stop


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a valid YAML text."""
    for token in yaml.scan(text, Loader=_Base):
        start, end = token.start_mark, token.end_mark
        kind = type(token).__name__.removesuffix("Token")
        style = getattr(token, "style", None) or ""
        yield Token(kind, start.line, start.column, end.line, end.column, style)


def meaning(text: str) -> tuple[tuple[object, ...], ...] | None:
    """What a YAML text contains, without its layout: each value with its tag, anchor and style,
    also those that a repeated key hides. None if it is not valid YAML.
    """
    names = ("value", "tag", "anchor", "implicit", "style", "flow_style")
    try:
        return tuple(
            (type(event), *(getattr(event, name, None) for name in names))
            for event in yaml.parse(text, Loader=_Base)
        )
    except yaml.YAMLError:
        return None
