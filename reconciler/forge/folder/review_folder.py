"""The files of a folder that takes the place of a forge: read with limits, replaced as a whole, and
changed by one process at a time.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from reconciler.common.paths import read_ordinary
from reconciler.common.text import msg
from reconciler.model.ports.forge_ports import ForgeError

FILE_BYTES_MAX = 1024 * 1024
"""The largest file that is read; a comment of 60,000 characters has at most 240,000 bytes."""

_LOCK_TRIES, _LOCK_PAUSE_SECONDS = 200, 0.05


class ReviewFolder:
    """A folder with the files of pull requests, statuses and issues. `sync` brings the content of
    an open file to the medium. Every method raises `ForgeError`.
    """

    def __init__(
        self, root: Path, wait: Callable[[float], object], sync: Callable[[int], None]
    ) -> None:
        self.root = root
        self._wait, self._sync = wait, sync

    # reading

    def names(self, *parts: str) -> tuple[str, ...]:
        """The names in a folder, sorted; none if there is no folder."""
        try:
            return tuple(sorted(one.name for one in self.root.joinpath(*parts).iterdir()))
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as failure:
            raise self._unreadable(self.root.joinpath(*parts), failure) from None

    def text(self, *parts: str) -> str | None:
        """The text of a file as it was written, with its line ends; None if there is none."""
        path = self.root.joinpath(*parts)
        try:
            data = read_ordinary(path, FILE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as failure:
            raise self._unreadable(path, failure) from None
        if len(data) > FILE_BYTES_MAX:
            raise self.damaged(path, msg("it is larger than 1 MiB"))
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:
            raise self.damaged(path, msg("it is not UTF-8")) from None

    def document(self, *parts: str) -> Mapping[str, Any] | None:
        """The object in a JSON file; None if there is no file."""
        text = self.text(*parts)
        if text is None:
            return None
        path = self.root.joinpath(*parts)
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            raise self.damaged(path, msg("it is not JSON")) from None
        if not isinstance(found, dict):
            raise self.damaged(path, msg("it is not an object"))
        return found

    def hand_written(self, *parts: str) -> tuple[Path, Mapping[str, Any]] | None:
        """The file of that name with `.yaml`, `.yml` or `.json`, and its object; None if there is
        none. Values of YAML are texts, whatever they look like: a commit may be all digits.
        """
        folder, name = parts[:-1], parts[-1]
        found = [
            name + ending
            for ending in (".yaml", ".yml", ".json")
            if self.root.joinpath(*folder, name + ending).exists()
        ]
        if not found:
            return None
        path = self.root.joinpath(*folder, found[0])
        if len(found) > 1:
            raise self.damaged(path, msg("{other} is there, too", other=found[1]))
        if found[0].endswith(".json"):
            document = self.document(*folder, found[0])
            return None if document is None else (path, document)
        text = self.text(*folder, found[0])
        return None if text is None else (path, self._yaml(path, text))

    def _yaml(self, path: Path, text: str) -> Mapping[str, Any]:
        try:
            found = yaml.load(text, Loader=_Plain)  # noqa: S506 a loader of texts only
        except (yaml.YAMLError, RecursionError, ValueError):
            raise self.damaged(path, msg("it is not YAML without anchors")) from None
        if not isinstance(found, dict) or not all(isinstance(key, str) for key in found):
            raise self.damaged(path, msg("it is not an object"))
        return found

    # writing

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other writers out. The lock dies with the process."""
        path = self.root / ".lock"
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as failure:
            raise self._unwritable(path, failure) from None
        try:
            for left in range(_LOCK_TRIES, -1, -1):
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if not left:
                        raise self._busy(path) from None
                    self._wait(_LOCK_PAUSE_SECONDS)
                except OSError as failure:
                    raise self._unwritable(path, failure) from None
            yield
        finally:
            os.close(descriptor)

    def write(self, text: str, *parts: str) -> None:
        """Replaces a file atomically; it is on the medium when this returns."""
        path = self.root.joinpath(*parts)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor, fresh = tempfile.mkstemp(prefix=".new-", dir=path.parent)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(text.encode("utf-8"))
                    file.flush()
                    os.fchmod(file.fileno(), 0o666 & ~_umask())
                    self._sync(file.fileno())
                Path(fresh).replace(path)
            except BaseException:
                with contextlib.suppress(OSError):
                    Path(fresh).unlink()
                raise
            self._sync_folder(path.parent)
        except OSError as failure:
            raise self._unwritable(path, failure) from None
        except UnicodeEncodeError:
            raise self.damaged(path, msg("the text cannot be written as UTF-8")) from None

    def write_document(self, value: Mapping[str, Any], *parts: str) -> None:
        """Replaces a JSON file atomically."""
        self.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n", *parts)

    def remove(self, *parts: str) -> None:
        """Removes a file if it exists."""
        path = self.root.joinpath(*parts)
        try:
            path.unlink(missing_ok=True)
            self._sync_folder(path.parent)
        except FileNotFoundError:
            return
        except OSError as failure:
            raise self._unwritable(path, failure) from None

    def _sync_folder(self, folder: Path) -> None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            self._sync(descriptor)
        finally:
            os.close(descriptor)

    # errors

    def damaged(self, path: Path, reason: str) -> ForgeError:
        """The error for a file that cannot be used."""
        return ForgeError(
            msg("{file} cannot be used: {reason}", file=str(path), reason=reason),
            hint=msg("correct the file as docs/reference/forges.md describes it"),
        )

    @staticmethod
    def _unreadable(path: Path, failure: OSError) -> ForgeError:
        return ForgeError(
            msg("{file} cannot be read: {reason}", file=str(path), reason=failure.strerror or "")
        )

    @staticmethod
    def _unwritable(path: Path, failure: OSError) -> ForgeError:
        return ForgeError(
            msg("{file} cannot be written: {reason}", file=str(path), reason=failure.strerror or "")
        )

    @staticmethod
    def _busy(path: Path) -> ForgeError:
        return ForgeError(
            msg(
                "{file} was locked by another process for {seconds:.0f} s",
                file=str(path),
                seconds=_LOCK_TRIES * _LOCK_PAUSE_SECONDS,
            ),
            hint=msg("run the command again"),
        )


class _Plain(yaml.BaseLoader):
    """Texts, lists and objects; no aliases, by which a short file could become a huge value, and no
    key twice.
    """

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        found = super().construct_mapping(node, deep=deep)
        if len(found) != len(node.value):
            raise yaml.YAMLError("a key twice")
        return found


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask
