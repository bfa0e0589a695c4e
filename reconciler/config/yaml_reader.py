"""YAML in: stack files become a `Document`, read strictly, with the place of every value.

The nodes are built straight from the events of the C parser, which is what makes a large stack
quick. pyyaml is imported only here.
"""

from __future__ import annotations

import gc
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from reconciler.common import paths
from reconciler.common.text import msg
from reconciler.config import document, stack_folder, yaml_errors
from reconciler.config.document import Document, Node, Scalar, Sequence, Table
from reconciler.config.stack_folder import missing, reason
from reconciler.config.text_edits import Piece
from reconciler.config.yaml_layout import Layout
from reconciler.model.diagnostics import Place, Problem, error
from reconciler.model.resource import EMPTY

# The C parser where it was built, else the same in Python: slower, and the same events.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

FILE_BYTES_MAX = 4 * 1024 * 1024
"""The size of the largest file that is read (stack-files#reading)."""

DEPTH_MAX = 64
"""How deeply lists and mappings may stand in each other."""

ALIASED_NODES_MAX = 20_000
"""How many nodes the aliases of one file may unfold to."""

PROBLEMS_MAX = 100
"""How many mistakes of one file are told; reading stops there."""

_PARTS = frozenset(
    {"stack", "instances", "firewalls", "block_storages", "existing", "components", "defaults"}
    | {"guard", "moved", "removed"}
)
"""Keys by which a file is known as a part of a stack: without such a part, objects would be deleted
or lose their protection.
"""

_LINE_OF_PART = re.compile(
    rb"^(?:" + "|".join(sorted(_PARTS)).encode() + rb")[ \t]*:", re.MULTILINE
)
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,18}")
_SURROGATE = re.compile("[\\ud800-\\udfff]")
_NUMERIC = frozenset("-0123456789")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_UNPRINTABLE = re.compile(
    "[^\\t\\n\\r\\x20-\\x7e\\x85\\xa0-\\ud7ff\\ue000-\\ufefe\\uff00-\\ufffd\\U00010000-\\U0010ffff]"
)


def load(path: Path, *, instead: Mapping[str, str] = EMPTY) -> tuple[Document, tuple[Problem, ...]]:
    """The document that a file, or a folder of `*.yaml` files, holds, and every mistake of its
    YAML. Never raises for what is in a file.

    `instead` gives texts, by file, that are read in place of what is on the disk.
    """
    problems: list[Problem] = []
    files, alike = stack_folder.files(path, problems)
    with _without_garbage_collection():
        roots = [
            _parse(instead[str(file)], str(file), problems)
            if str(file) in instead
            else _root(file, problems)
            for file in files
        ]
        if len(files) > 1:
            problems[:] = [
                replace(p, hint=yaml_errors.ALL_OF_THE_FOLDER) if p.code == "wrong-type" else p
                for p in problems
            ]
        merged = document.merge(
            [root for root in roots if root is not None], problems, file=str(path)
        )
        problems += [stack_folder.unread(file) for file in alike if _is_part(file)]
        parts = _parts(merged, problems, instead)
    return Document(
        merged, tuple(str(file) for file in files), whole=_is_whole(problems), parts=parts
    ), tuple(problems)


def _is_part(file: Path) -> bool:
    """Whether a file looks like a part of a stack, or cannot be opened, so that it may be one. A
    component's file is none.
    """
    root = _root(file, [])
    if root is not None:
        return "component" not in root.entries and not _PARTS.isdisjoint(root.entries)
    try:
        return _LINE_OF_PART.search(paths.read_ordinary(file, FILE_BYTES_MAX)) is not None
    except OSError:
        return True


def _parts(root: Table, problems: list[Problem], instead: Mapping[str, str]) -> dict[str, Table]:
    """The component file of each include, read once however often it is used. `use` is a path
    beside the file in which it stands.
    """
    read_already: dict[str, Table | None] = {}
    found: dict[str, Table] = {}
    for name, node in document.table(root.get("components")).items():
        use = document.table(node).get("use")
        if not isinstance(use, Scalar) or not use.text:
            continue  # the schema tells
        path = Path(use.file).parent / use.text
        if str(path) not in read_already:
            try:
                there = path.is_file()
                refused = paths.refused(path, Path(use.file).parent) if there else None
            except (OSError, ValueError):
                there, refused = False, None
            if refused is not None:
                hint = msg("`use` must name a *.yaml file of the same repository")
                problems.append(
                    error(
                        "file-missing",
                        msg(
                            "the component file {path} is not read: it {reason}",
                            path=path,
                            reason=refused,
                        ),
                        place=use.place,
                        hint=hint,
                    )
                )
                read_already[str(path)] = None
            elif there:
                text = instead.get(str(path))
                read_already[str(path)] = (
                    _root(path, problems) if text is None else _parse(text, str(path), problems)
                )
            else:
                hint = msg("`use` is relative to the folder of {file}", file=use.file)
                problems.append(
                    error(
                        "file-missing",
                        msg("the component file {path} does not exist", path=path),
                        place=use.place,
                        hint=hint,
                    )
                )
                read_already[str(path)] = None
        part = read_already[str(path)]
        if part is not None:
            found[name] = part
    return found


def read(text: str, file: str) -> tuple[Document, tuple[Problem, ...]]:
    """The document that a text holds, named as if it were a file: for text that is not on disk."""
    problems: list[Problem] = []
    with _without_garbage_collection():
        root = _parse(text, file, problems)
    return Document(root or document.empty(file), (file,), whole=_is_whole(problems)), tuple(
        problems
    )


def layout(text: str) -> tuple[Piece, ...]:
    """Every node of a YAML text that can be read, in the order in which they begin: for edits that
    leave all else as it is.
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


def _is_whole(problems: list[Problem]) -> bool:
    return all(problem.code in ("yaml-duplicate-key", "yaml-tag") for problem in problems)


def _root(path: Path, problems: list[Problem]) -> Table | None:
    file = str(path)
    try:
        data = paths.read_ordinary(path, FILE_BYTES_MAX + 1)
    except OSError as failure:
        message = msg("{file} cannot be read: {reason}", file=file, reason=reason(failure))
        problems.append(missing(path, message, None))
        return None
    if len(data) > FILE_BYTES_MAX:
        hint = msg("split the stack into several files in one folder")
        problems.append(
            error(
                "file-too-large",
                msg("{file} is larger than 4 MiB", file=file),
                place=Place(file, 1, 1),
                hint=hint,
            )
        )
        return None
    text = _decode(data, file, problems)
    return None if text is None else _parse(text, file, problems)


def _decode(data: bytes, file: str, problems: list[Problem]) -> str | None:
    """The text without a byte order mark, or None with a problem at the first byte that is not
    UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as failure:
        before = data[: failure.start]
        line = before.count(b"\n") + 1
        column = len(before.rpartition(b"\n")[2].decode("utf-8", "replace")) + 1
        name = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "not UTF-8"
        message = msg(
            "the file is {encoding}: byte 0x{byte:02x} cannot be read",
            encoding=name,
            byte=data[failure.start],
        )
        problems.append(
            error(
                "file-encoding",
                message,
                place=Place(file, line, column),
                hint=msg("save the file as UTF-8"),
            )
        )
        return None


def _parse(text: str, file: str, problems: list[Problem]) -> Table | None:
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        place = yaml_errors.place_at(text, odd.start(), file)
        message = msg("the file contains a control character (U+{code:04X})", code=ord(odd.group()))
        problems.append(
            error(
                "yaml-syntax",
                message,
                place=place,
                hint=msg('remove it, or write it inside double quotes as "\\x.."'),
            )
        )
        return None
    node = _compose(text, file, problems)
    if node is None:
        return None
    if isinstance(node, Table):
        return node
    if isinstance(node, Scalar) and node.value is None and not node.quoted:
        return document.empty(file)
    hint = msg("start with `version: 1` and `stack: NAME`")
    problems.append(
        error("wrong-type", msg("a stack file must be a mapping"), place=node.place, hint=hint)
    )
    return None


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Many nodes are made and none dies while loading: looking for garbage would only cost time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _compose(text: str, file: str, problems: list[Problem]) -> Node | None:
    """The node of a YAML text, or None with a problem. What can be read past a mistake is read, to
    find more mistakes.
    """
    loader = _Loader(text)
    composer = _Composer(text, file, problems)
    next_event, take = loader.get_event, composer.take
    try:
        while not composer.finished:
            take(next_event())
    except yaml.YAMLError as failure:
        problems.append(_syntax(failure, text, file))
        return None
    finally:
        loader.dispose()
    return composer.root


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


class _Frame:
    """A list or mapping that is being read."""

    __slots__ = ("anchor", "column", "entries", "items", "key", "key_mark", "line", "marks", "size")

    def __init__(
        self, line: int, column: int, anchor: str | None, size: int, *, is_table: bool
    ) -> None:
        self.line, self.column, self.anchor, self.size = line, column, anchor, size
        self.entries: dict[str, Node] | None = {} if is_table else None
        self.marks: list[tuple[int, int]] = []
        self.items: list[Node] = []
        self.key: str | None = None
        self.key_mark = (line, column)


class _Composer:
    """Turns events into nodes, one at a time, without recursion. `root` is the node of the first
    document when `finished`.
    """

    __slots__ = (
        "aliased",
        "anchors",
        "count",
        "documents",
        "file",
        "finished",
        "frames",
        "problems",
        "root",
        "strings",
        "text",
        "told",
    )

    def __init__(self, text: str, file: str, problems: list[Problem]) -> None:
        self.text, self.file, self.problems = text, file, problems
        self.frames: list[_Frame] = []
        self.root: Node | None = None
        self.finished = False
        self.documents = 0
        self.strings: dict[str, str] = {}
        self.anchors: dict[str, tuple[Node, int] | None] = {}
        self.count = 0
        self.aliased = 0
        self.told = 0

    def take(self, event: Any) -> None:
        """Takes the next event of the parser."""
        kind = type(event)
        if kind is yaml.ScalarEvent:
            self._scalar(event)
        elif kind is yaml.MappingStartEvent:
            self._open(event, is_table=True)
        elif kind is yaml.SequenceStartEvent:
            self._open(event, is_table=False)
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            self._close()
        elif kind is yaml.AliasEvent:
            self._alias(event)
        elif kind is yaml.DocumentStartEvent:
            self._document(event)
        elif kind is yaml.StreamEndEvent:
            self._end()

    def _scalar(self, event: Any) -> None:
        text = self.strings.setdefault(event.value, event.value)
        mark = event.start_mark
        line, column = mark.line + 1, mark.column + 1
        self.count += 1
        if event.tag is not None:
            self._tag(event)
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.entries is not None and frame.key is None:
            if event.anchor is not None:
                self.anchors[event.anchor] = (Scalar(text, text, self.file, line, column, True), 1)
            self._key(frame, text, line, column)
            return
        if not event.implicit[0]:
            if event.style == '"' and _SURROGATE.search(text):
                # The parser in Python lets pass what the one in C refuses.
                self._problem(
                    "yaml-syntax",
                    msg("double quotes contain half a surrogate pair"),
                    line,
                    column,
                    msg("write the character itself"),
                )
                text = _SURROGATE.sub("\ufffd", text)
            node = Scalar(text, text, self.file, line, column, True)
        elif text[:1] in _NUMERIC and text:
            node = Scalar(_number(text), text, self.file, line, column)
        else:
            node = Scalar(_WORDS.get(text, text), text, self.file, line, column)
        if "${" in text:
            node = node._replace(
                spots=yaml_errors.spots(
                    self.text, mark.index, event.end_mark.index, line, column, text.count("${")
                )
            )
        self._put(node, event.anchor, 1)

    def _key(self, frame: _Frame, text: str, line: int, column: int) -> None:
        assert frame.entries is not None
        frame.key, frame.key_mark = text, (line, column)
        if text in frame.entries:
            first = frame.marks[list(frame.entries).index(text)]
            message = msg(
                "duplicate key `{key}`, first at {place}", key=text, place=Place(self.file, *first)
            )
            self._problem("yaml-duplicate-key", message, line, column, msg("keep one of them"))

    def _open(self, event: Any, *, is_table: bool) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        self.count += 1
        if event.tag is not None:
            self._tag(event)
        if len(self.frames) >= DEPTH_MAX:
            self._give_up(
                "yaml-depth",
                msg("lists and mappings are nested more than {limit} deep", limit=DEPTH_MAX),
                line,
                column,
            )
            return
        if event.anchor is not None:
            self.anchors[event.anchor] = None
        self.frames.append(_Frame(line, column, event.anchor, self.count, is_table=is_table))

    def _close(self) -> None:
        frame = self.frames.pop()
        node: Node
        if frame.entries is not None:
            node = Table(frame.entries, tuple(frame.marks), self.file, frame.line, frame.column)
        else:
            node = Sequence(tuple(frame.items), self.file, frame.line, frame.column)
        self._put(node, frame.anchor, self.count - frame.size + 1)

    def _alias(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        known = self.anchors.get(event.anchor)
        if known is None:
            message, hint = (
                msg("the alias *{anchor} is inside the value that it names", anchor=event.anchor),
                msg("a value cannot contain itself"),
            )
            if event.anchor not in self.anchors:
                message = msg(
                    "the alias *{anchor} has no anchor &{anchor} before it", anchor=event.anchor
                )
                hint = msg("put a string that starts with * in quotes")
            self._problem("yaml-alias", message, line, column, hint)
            known = (Scalar(None, "", self.file, line, column), 1)
        node, size = known
        self.count += size
        self.aliased += size
        if self.aliased > ALIASED_NODES_MAX:
            self._give_up(
                "yaml-alias",
                msg("the aliases expand to more than {limit:,} values", limit=ALIASED_NODES_MAX),
                line,
                column,
            )
            return
        frame = self.frames[-1] if self.frames else None
        if frame is not None and frame.entries is not None and frame.key is None:
            if isinstance(node, Scalar):
                self._key(frame, node.text, line, column)
            else:
                self._put(node, None, size)
            return
        self._put(node, None, size)

    def _put(self, node: Node, anchor: str | None, size: int) -> None:
        if anchor is not None:
            self.anchors[anchor] = (node, size)
        if not self.frames:
            self.root = node
            return
        frame = self.frames[-1]
        if frame.entries is None:
            frame.items.append(node)
        elif frame.key is None:
            self._problem(
                "yaml-syntax",
                msg("a key must be a string"),
                node.line,
                node.column,
                msg("write `key: value`"),
            )
            self._key(frame, "", node.line, node.column)
        else:
            if frame.key not in frame.entries:
                frame.entries[frame.key] = node
                frame.marks.append(frame.key_mark)
            frame.key = None

    def _document(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            mark = event.start_mark
            self._give_up(
                "yaml-syntax",
                msg("a second document starts here (`---`)"),
                mark.line + 1,
                mark.column + 1,
                msg("keep one document per file"),
            )

    def _end(self) -> None:
        self.finished = True
        if self.root is None:
            self.root = Scalar(None, "", self.file, 1, 1)

    def _tag(self, event: Any) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        tag = event.tag.replace("tag:yaml.org,2002:", "!!")
        self._problem(
            "yaml-tag",
            msg("the tag {tag} is not part of the language", tag=tag),
            line,
            column,
            msg("leave it out; quotes turn a value into a string"),
        )

    def _give_up(
        self, code: str, message: str, line: int, column: int, hint: str | None = None
    ) -> None:
        self._problem(code, message, line, column, hint)
        self.root, self.finished = None, True

    def _problem(self, code: str, message: str, line: int, column: int, hint: str | None) -> None:
        self.problems.append(error(code, message, place=Place(self.file, line, column), hint=hint))
        self.told += 1
        if self.told >= PROBLEMS_MAX:
            self.root, self.finished = None, True


def _number(text: str) -> str | int | float:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text
