"""The rules of a pull request: the files of projects and their policies, as the base has them. Of
the pull request only new stacks are taken.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from reconciler.cli.review.tree_entries import TreeEntries, TreeFile, is_project_file, refused
from reconciler.common.dataclass import dataclass
from reconciler.common.text import msg
from reconciler.config import text_edits, yaml_errors, yaml_reader
from reconciler.config.document import Node, Scalar, Sequence, Table, table
from reconciler.config.project import parsing
from reconciler.config.text_edits import Addition, Piece

_STACKS = "stacks"
_ENVIRONMENTS = "environments"


@dataclass(frozen=True, slots=True)
class BaseRules:
    """The rules as they are written out: `texts` of the files of projects, `policies` from the
    base, and `others`, the paths of the tree that are not written because only the base says what
    is there. `has_changed` is whether the tree has other rules, apart from new stacks. `new` are
    the paths of the new stacks.
    """

    texts: Mapping[PurePosixPath, bytes]
    policies: Mapping[PurePosixPath, TreeFile]
    others: frozenset[PurePosixPath]
    has_changed: bool
    new: frozenset[PurePosixPath]


def project_files(*found: TreeEntries) -> frozenset[PurePosixPath]:
    """The files of projects in trees, with those that only look like one by their name."""
    return frozenset(
        path for each in found for path in (*each.files, *each.left_out) if is_project_file(path)
    )


def rules(
    base: TreeEntries,
    tree: TreeEntries,
    base_texts: Mapping[PurePosixPath, bytes],
    tree_texts: Mapping[PurePosixPath, bytes],
) -> BaseRules:
    """The rules of a base for a tree. The texts are those of the files of projects. Raises `Abort`
    if a rule of the base is not an ordinary file, or a new stack cannot be added.
    """
    files = project_files(base, tree)
    patterns = {pattern for path, data in base_texts.items() for pattern in _patterns(path, data)}
    governed = frozenset(
        path
        for found in (base, tree)
        for path in (*found.files, *found.left_out)
        if any(_names(pattern, path) for pattern in patterns)
    )
    _require_ordinary(base, files | governed)
    texts: dict[PurePosixPath, bytes] = {}
    new: set[PurePosixPath] = set()
    has_changed = any(base.files.get(path) is None for path in files) or any(
        _blob(base, path) != _blob(tree, path) for path in governed
    )
    for path, data in base_texts.items():
        texts[path], paths, differs = _with_new_stacks(path, data, tree_texts.get(path))
        new |= paths
        has_changed = has_changed or differs
    policies = {path: base.files[path] for path in governed - files if path in base.files}
    return BaseRules(texts, policies, files | governed, has_changed, frozenset(new))


def _blob(found: TreeEntries, path: PurePosixPath) -> str | None:
    file = found.files.get(path)
    return None if file is None else file.blob


def _require_ordinary(base: TreeEntries, governed: frozenset[PurePosixPath]) -> None:
    for path in sorted(governed & base.left_out.keys()):
        raise refused(
            msg("{file} has rules of the base, and is not an ordinary file", file=ascii(str(path)))
        )


def _root(path: PurePosixPath, data: bytes) -> Table | None:
    text = yaml_errors.decode(data, str(path), [])
    return None if text is None else yaml_reader.parse(text, str(path), [])


def _patterns(path: PurePosixPath, data: bytes) -> Iterator[tuple[str, ...]]:
    """The patterns of a project's policies, each as the parts of a path in the repository."""
    root = _root(path, data)
    if root is not None:
        for each in parsing.values(root, Path(path), []).policies:
            parts = PurePosixPath(os.path.normpath(path.parent / each.text)).parts
            yield parts


def _names(pattern: tuple[str, ...], path: PurePosixPath) -> bool:
    """Whether a pattern of policies names a path; a part of it matches one folder or file."""
    return len(pattern) == len(path.parts) and all(map(fnmatchcase, path.parts, pattern))


def _with_new_stacks(
    path: PurePosixPath, base: bytes, tree: bytes | None
) -> tuple[bytes, set[PurePosixPath], bool]:
    """The text of a project's file with the new stacks of the tree, and the new environments of
    known ones if the tree differs in nothing else; the paths of these stacks; and whether the tree
    differs otherwise.
    """
    if tree == base:
        return base, set(), False
    own = _root(path, base)
    other = None if tree is None else _root(path, tree)
    if own is None or tree is None or other is None:
        return base, set(), True
    known, listed = table(own.get(_STACKS)), table(other.get(_STACKS))
    new = {name: node for name, node in listed.items() if name not in known}
    wanted = _plain(own)
    assert isinstance(wanted, dict)
    added = {name: _plain(node) for name, node in new.items()}
    if new:
        known_stacks = wanted.get(_STACKS)
        wanted[_STACKS] = {**(known_stacks if isinstance(known_stacks, dict) else {}), **added}
    paths = {_place_of(path, node) for node in new.values()}
    if _plain(other) == wanted:
        return tree, paths, False
    grown = {name for name in known if _has_grown(known[name], listed.get(name))}
    if grown:
        stacks = {name: _plain(listed[name] if name in grown else known[name]) for name in known}
        if _plain(other) == {**wanted, _STACKS: {**stacks, **added}}:
            return tree, paths | {_place_of(path, known[name]) for name in grown}, False
    return (_added(path, base, own, new, wanted) if new else base), paths, True


def _has_grown(entry: Node, other: Node | None) -> bool:
    """Whether a stack has more environments in the tree, and its entry differs in nothing else."""
    before, after = _plain(entry), None if other is None else _plain(other)
    if not isinstance(before, dict) or not isinstance(after, dict):
        return False
    own, more = before.pop(_ENVIRONMENTS, None), after.pop(_ENVIRONMENTS, None)
    if before != after or not isinstance(own, list) or not isinstance(more, list):
        return False
    return bool(own) and len(more) > len(own) and more[: len(own)] == own


def _place_of(file: PurePosixPath, node: Node) -> PurePosixPath:
    """The path of a new stack in the repository. It may lead out of it, which is refused when the
    stack is read.
    """
    given = table(node).get("path")
    text = given.text if isinstance(given, Scalar) else "."
    return PurePosixPath(os.path.normpath(file.parent / text))


def _plain(node: Node) -> object:
    """The content of a node without its place, with the spelling of each text."""
    if isinstance(node, Scalar):
        return (node.value, type(node.value), node.text, node.quoted)
    if isinstance(node, Sequence):
        return [_plain(each) for each in node.items]
    return {name: _plain(each) for name, each in node.entries.items()}


def _flow(node: Node) -> str:
    """A node as YAML on one line."""
    if isinstance(node, Scalar):
        is_text = isinstance(node.value, str)
        return json.dumps(node.value, ensure_ascii=False) if is_text else node.text or "null"
    if isinstance(node, Sequence):
        return f"[{', '.join(map(_flow, node.items))}]"
    return _flow_table(node.entries)


def _flow_table(entries: Mapping[str, Node]) -> str:
    pairs = (
        f"{json.dumps(name, ensure_ascii=False)}: {_flow(each)}" for name, each in entries.items()
    )
    return f"{{{', '.join(pairs)}}}"


def _added(
    path: PurePosixPath,
    base: bytes,
    own: Table,
    new: Mapping[str, Node],
    wanted: object,
) -> bytes:
    """The text of the base with the new stacks."""
    text = yaml_errors.decode(base, str(path), []) or ""
    pieces = yaml_reader.layout(text)
    section = own.get(_STACKS)
    try:
        if isinstance(section, Table) and section.entries:
            at = _piece(pieces, section)
            changes = [
                Addition(at, json.dumps(name, ensure_ascii=False), _flow(node))
                for name, node in new.items()
            ]
        elif section is None:
            changes = [Addition(_piece(pieces, own), _STACKS, _flow_table(new))]
        else:
            raise text_edits.CannotEdit
        edits = text_edits.resolved(text, pieces, changes)
        found = text_edits.applied(text, edits).encode()
    except (text_edits.CannotEdit, text_edits.Conflict, StopIteration) as failure:
        raise _not_added(path) from failure
    root = _root(path, found)
    if root is None or _without_spelling(_plain(root)) != _without_spelling(wanted):
        raise _not_added(path)
    return found


def _without_spelling(content: object) -> object:
    """Content without how its texts are quoted."""
    if isinstance(content, tuple):
        return content[:2]
    if isinstance(content, list):
        return [_without_spelling(each) for each in content]
    assert isinstance(content, dict)
    return {name: _without_spelling(each) for name, each in content.items()}


def _piece(pieces: tuple[Piece, ...], node: Table) -> Piece:
    return next(
        each
        for each in pieces
        if (each.line, each.column) == (node.line, node.column) and each.kind == "table"
    )


def _not_added(path: PurePosixPath) -> Exception:
    reason = msg("a new stack cannot be added to the `stacks:` of the base's {file}", file=path)
    return refused(reason)
