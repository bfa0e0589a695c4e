"""What a project needs to know of each of its stacks, read from the stack's files: its name, its
environments, the stacks whose outputs it reads, and the files that it consists of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from reconciler.common import paths
from reconciler.common.dataclass import dataclass
from reconciler.common.suggestions import hint_for, pasted
from reconciler.common.text import msg
from reconciler.config import stack_folder
from reconciler.config.document import Document, Scalar, table
from reconciler.config.project.location import PROJECT_FILE
from reconciler.config.project.project import Project, StackEntry
from reconciler.model.diagnostics import Place, Problem, error, has_errors

OWN = "${env.name}"
"""How a reference names the environment of the stack that reads."""


@dataclass(frozen=True, slots=True)
class StackReference:
    """The outputs of another stack, which a stack reads in each of its environments. `target` is
    where the other stack is; `environment` may be `OWN`.
    """

    target: Path
    environment: str | None
    place: Place

    def environment_for(self, own: str | None) -> str | None:
        """The environment that is read in an environment of the stack that reads."""
        return own if self.environment == OWN else self.environment


@dataclass(frozen=True, slots=True)
class StackHead:
    """What a project needs to know of a stack. `location` is the same for all ways to name it;
    `files` are its own and those of its components; `folder` is the one that belongs to it alone,
    None for a stack of one file that was named. All of them are without links.
    """

    name: str
    environments: tuple[str, ...]
    location: Path
    reads: tuple[StackReference, ...] = ()
    files: frozenset[Path] = frozenset()
    folder: Path | None = None


def heads(project: Project, problems: list[Problem]) -> Mapping[str, StackHead]:
    """The head of each stack of the project by its name there. Adds what is wrong with a stack as a
    part of the project; a stack that cannot be read is left out.
    """
    found: dict[str, StackHead] = {}
    for name, entry in project.stacks.items():
        head = _head(entry, project, problems)
        if head is not None:
            problems += _mistakes(entry, head, found, project.stacks)
            found[name] = head
    return found


def head_of(path: Path, problems: list[Problem]) -> StackHead | None:
    """The head of the stack in a file or folder, or None with the problems that prevent it."""
    document, wrong = stack_folder.load(path)
    name = document.root.get("stack")
    if has_errors(wrong):
        problems += wrong
        return None
    if not isinstance(name, Scalar):
        message = msg("{path} does not name its stack", path=path)
        hint = msg("start it with `version: 1` and `stack: NAME`")
        problems.append(error("missing-key", message, place=document.root.place, hint=hint))
        return None
    return StackHead(
        name.text,
        tuple(sorted(table(document.root.get("environments")))),
        location(path),
        tuple(_references(document)),
        frozenset(_files(document)),
        next((each.resolve() for each in (path, location(path)) if each.is_dir()), None),
    )


def location(path: Path) -> Path:
    """Where a stack is, after following links: its folder, or its file if that is all of it. Paths
    that name one stack give one location.
    """
    if not path.is_dir():
        path = stack_folder.stack_of(path) or path
    if path.is_dir():
        files = stack_folder.files(path, []).read
        path = files[0] if len(files) == 1 else path
    return path.resolve()


def _head(entry: StackEntry, project: Project, problems: list[Problem]) -> StackHead | None:
    try:
        return _existing(entry, project, problems)
    except (OSError, ValueError) as failure:  # a name that no file can have, or no permission
        reason = failure.strerror if isinstance(failure, OSError) else None
        message = msg("{path} cannot be read: {reason}", path=entry.path, reason=reason or failure)
        problems.append(error("file-missing", message, place=entry.place))
        return None


def _existing(entry: StackEntry, project: Project, problems: list[Problem]) -> StackHead | None:
    root = project.file.parent if project.file is not None else Path()
    path = entry.path
    refused = paths.refused(path, root)
    if refused is not None:
        message = msg("{path} is not read: it {reason}", path=path, reason=refused)
        hint = msg("`path` must name a stack of the same repository")
        problems.append(error("file-missing", message, place=entry.place, hint=hint))
        return None
    is_some = path.exists() and (not path.is_dir() or bool(stack_folder.files(path, []).read))
    if is_some and _is_project(path):
        message = msg("{path} is the file of a project, not a stack", path=path)
        problems.append(error("file-missing", message, place=entry.place))
        return None
    wrong: list[Problem] = []
    head = head_of(path, wrong)
    for each in wrong:
        lost = each.place is None
        problems.append(
            error(
                each.code,
                msg("stack `{name}`: {message}", name=entry.name, message=each.message),
                place=entry.place if lost else each.place,
                hint=_beginning(path) if lost and not path.exists() else each.hint,
            )
        )
    return head


def _is_project(path: Path) -> bool:
    return path.name == PROJECT_FILE


def _beginning(path: Path) -> str:
    return msg("correct the path, or write the stack: `reconciler init {path}`", path=pasted(path))


def _mistakes(
    entry: StackEntry, head: StackHead, others: Mapping[str, StackHead], listed: Collection[str]
) -> Iterator[Problem]:
    double = next((name for name, each in others.items() if each.location == head.location), None)
    if double is not None:
        message = msg(
            "the stacks `{one}` and `{other}` are one: both are in {path}",
            one=double,
            other=entry.name,
            path=entry.path,
        )
        hint = msg("remove one of them; `environments` lists the variants of a stack")
        yield error("duplicate-name", message, place=entry.place, hint=hint)
    elif head.name != entry.name:
        message = msg(
            "stack `{name}`: the stack in {path} is named `{own}`",
            name=entry.name,
            path=entry.path,
            own=head.name,
        )
        hint = msg("write `{own}:` here, or `stack: {name}` there", own=head.name, name=entry.name)
        if head.name in listed:
            hint = msg(
                "write `stack: {name}` there: `{own}` is another stack",
                own=head.name,
                name=entry.name,
            )
        yield error("bad-reference", message, place=entry.place, hint=hint)
    yield from _wrong_environments(entry, head)


def _wrong_environments(entry: StackEntry, head: StackHead) -> Iterator[Problem]:
    hint: str
    if head.environments and not entry.environments:
        known = ", ".join(head.environments)
        message = msg("stack `{name}` has environments, but none is listed", name=entry.name)
        hint = msg("list those that belong to the project: `environments: [{known}]`", known=known)
        yield error("missing-key", message, place=entry.place, hint=hint)
    for each in entry.environments:
        if each in head.environments:
            continue
        message = msg(
            "stack `{name}` has no environment `{environment}`", name=entry.name, environment=each
        )
        hint = hint_for(each, head.environments) or msg(
            "leave out `environments`, or define `environments:` in the stack"
        )
        yield error("missing-reference", message, place=entry.place, hint=hint)


def _references(document: Document) -> Iterator[StackReference]:
    for node in table(document.root.get("stacks")).values():
        members = table(node)
        path, env = members.get("path"), members.get("env")
        if isinstance(path, Scalar) and path.text:
            chosen = env.text if isinstance(env, Scalar) and env.value is not None else None
            target = Path(path.file).parent / path.text
            if paths.refused(target, Path(path.file).parent) is None:  # else a plan reports it
                yield StackReference(target, chosen, path.place)


def _files(document: Document) -> Iterator[Path]:
    for file in (*document.files, *(part.file for part in document.parts.values())):
        yield Path(file).resolve()
