"""What a kind of object is: its fields, the effect of an edit of each, and its API calls.

The facts are data (`Field`, `Operation`). The code that is special about one kind is in
`reconciler/resources/<kind>.py`, which makes one `ResourceType`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from enum import Enum
from typing import Any

from reconciler.common.dataclass import dataclass
from reconciler.common.text import Text
from reconciler.model.resource import EMPTY, Catalogue, LiveResource, Plain, Prices

FIREWALLS, RULES, MEMBERS = "firewalls", "rules", "members"
"""The kind whose objects have lists of their own, and these lists: `rules:<firewall id>` and
`members:<firewall id>`.
"""

NOTHING = ""
"""As `Operation.proved_by`: no field shows whether the operation was executed."""

ANYTHING: Any = object()
"""A value that cannot be predicted."""


def as_asked(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    """The default of `Operation.leaves`: the object then has the values that were sent."""
    return inputs


def as_is(value: Plain) -> Plain:
    """The value itself."""
    return value


class Edit(Enum):
    """The effect of an edit of a field of an existing object (stack-files#edits)."""

    IN_PLACE = "in place"
    RESIZE = "resize"
    REBUILD = "rebuild"
    REPLACE = "replace"
    POWER = "power"
    MEMBER = "member"
    ATTACH = "attach"
    CREATE_ONLY = "create-only"


class ValueType(Enum):
    """What a stack file writes as the value of a field, and when it must be known."""

    TEXT = "a text that may contain attributes known only after apply"
    FIXED_TEXT = "a text that is known when the plan is made"
    INTEGER = "a whole number"
    BOOLEAN = "true or false"
    LOOKUP = "a name in the catalog"
    LOOKUPS = "a list of names in the catalog"
    LINK = "a reference to another object"

    # The hash of `Enum` is that of the name, and slow; readers are looked up by the type.
    __hash__ = object.__hash__


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute of a kind.

    In stack files: `forms` are the JSON schemas of the values that may be written, one of which
    must match; `description` and `examples` explain it. `normal(text)` is the one form of texts
    that mean the same. `unit` belongs to a number. `link` is the kind that it refers to, `lookup`
    the catalog.

    Checks: `required` fields must have a value when an object is created. `check` says what is
    wrong with a value, `unmarked_check` if the object's description carries no marker, both under
    the problem `code`. `limited`: a text whose limit matters only if it is sent.

    Planning: `clearable` is False for texts that the API cannot empty. `identity`: an object with
    another value is not the one that the file describes. `at_create` is the value that a create
    sends if the file has none. `from_key`: the value is the key of the object if the file has none.
    `listed`: of a rule, the value may be a list, each element of which is one rule.
    `facet` names the part of an object that the field is about, if other objects can depend on that
    part alone; `decides` are the other attributes that are known only together with it.
    `offered_in` names the list of the catalog that shows which values the cloud offers; it is read
    before a create.

    For `adopt` and `absorb`: `returned` is False if the API never returns the value.
    `written(value)` is the value as a stack file spells it, and `keyword` says that it is a word of
    the language. `shared`: `adopt` writes the value once, in `defaults`, if all objects of the kind
    agree.
    """

    name: str
    edit: Edit
    type: ValueType = ValueType.TEXT
    description: str = ""
    forms: tuple[Mapping[str, Any], ...] = ()
    examples: tuple[Any, ...] = ()
    normal: Callable[[str], str] = str
    unit: str = ""
    code: str = "not-allowed"
    at_create: Plain = None
    from_key: bool = False
    facet: str | None = None
    decides: tuple[str, ...] = ()
    clearable: bool = True
    lookup: str | None = None
    link: str | None = None
    identity: bool = False
    required: bool = False
    check: Callable[[Plain], str | None] | None = None
    unmarked_check: Callable[[Plain], str | None] | None = None
    limited: bool = False
    returned: bool = True
    written: Callable[[Plain], Any] = as_is
    keyword: bool = False
    shared: bool = False
    offered_in: str | None = None
    listed: bool = False

    @property
    def is_marked(self) -> bool:
        """Whether the text carries the marker of its object."""
        return self.unmarked_check is not None

    def problem_with(self, value: Plain, *, marked: bool = True) -> str | None:
        """What is wrong with a value, or None."""
        check = self.check if marked else self.unmarked_check or self.check
        return None if value is None or check is None else check(value)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the API before it is signed, without credentials.

    `form` is sent as multipart/form-data with URL-encoded values (contract#values), `json` as a
    JSON body. At most one of them is set.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    form: tuple[tuple[str, str], ...] | None = None
    json: Mapping[str, Any] | None = None

    @property
    def is_write(self) -> bool:
        """Whether the call changes the cloud. Such a call is sent only once."""
        return self.method != "GET"


class Progress(Enum):
    """The progress of a step, as a list shows it."""

    DONE = "done"
    WAITING = "waiting"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class View:
    """What the lists showed at one time: objects by kind and id, members by firewall id. Lists that
    were not read are missing.
    """

    objects: Mapping[str, Mapping[str, LiveResource]] = EMPTY
    members: Mapping[str, tuple[str, ...]] = EMPTY


@dataclass(frozen=True, slots=True)
class Operation:
    """One kind of write: how it is sent, and how its end is recognized.

    Sending: `encode(target, inputs)` is the call. `target` is the id of the object, None for a
    create; `inputs` are plain values in normal form, with ids instead of links. `receipt(result)`
    is the id of what a create made, read from the answer before anything else; it raises
    `ValueError` if there is not exactly one. `always_sent`: no value of the object makes it
    unnecessary, as with a reboot. `recheck(fingerprint, inputs)` names the lists that are read
    again before it is sent, that of the object first; None if nothing is read again. `protected_as`
    is the name by which `protect` forbids it (stack-files#lifecycle).

    The end: `watches(target, inputs)` names the lists that show it, such as `instances` or
    `rules:<firewall id>`; none if the answer itself is the end. `settled_by` names the lists that
    settle an unknown outcome; for a write that is waited for they are the same. `progress(target,
    inputs, view)` judges both. Once a create has its receipt, `target` is the id of what it made.
    `proved_by` names the one field that shows whether it was executed: if its value stays the same,
    or if it is `NOTHING`, nothing shows that. `refusal_hints` are what a person can do about errors
    of the API, by their name; `{address}` is the address of the step. `answered(inputs)` are the
    attributes of the object after the answer, for writes whose answer is the end.

    Time: `seconds` is the expected duration (low, usual, high), `first_look` the seconds until its
    end is first looked for, if not the usual ones, and `deadline_seconds` the longest wait
    (safety#incomplete).

    Effects: `leaves(inputs)` are the attributes that it changes, with their values afterwards.
    `cuts_power`: it switches its object off at once. `disrupts`: its object is down until it ends.
    `loses_disk`: it empties or deletes the disk of its object. `login_field` names a field; without
    a value for it, the answer to a create contains a password, which is shown only there.
    """

    name: str
    encode: Callable[[str | None, Mapping[str, Any]], Call]
    receipt: Callable[[Any], str | None]
    watches: Callable[[str | None, Mapping[str, Any]], tuple[str, ...]]
    progress: Callable[[str | None, Mapping[str, Any], View], Progress]
    settled_by: Callable[[str | None, Mapping[str, Any]], tuple[str, ...]]
    answered: Callable[[Mapping[str, Any]], Mapping[str, Any]] = dict
    seconds: tuple[int, int, int] = (0, 0, 0)
    first_look: int | None = None
    deadline_seconds: int = 600
    leaves: Callable[[Mapping[str, Any]], Mapping[str, Any]] = as_asked
    always_sent: bool = False
    recheck: Callable[[Mapping[str, Any], Mapping[str, Any]], tuple[str, ...]] | None = None
    protected_as: str | None = None
    disrupts: bool = False
    loses_disk: bool = False
    login_field: str | None = None
    proved_by: str | None = None
    refusal_hints: Mapping[str, str] = EMPTY
    cuts_power: bool = False

    @property
    def look_seconds(self) -> int:
        """Seconds after which its end is looked for first."""
        return self.seconds[1] if self.first_look is None else self.first_look

    def second_look(
        self, fingerprint: Mapping[str, Any], inputs: Mapping[str, Any]
    ) -> tuple[str, ...]:
        """The lists that are read again before it is sent; none if no fingerprint was planned.

        Membership shows from the firewall's side only. It is looked at if the write ends it;
        otherwise what was read of it anyway is enough.
        """
        return self.recheck(fingerprint, inputs) if self.recheck and fingerprint else ()


class Paging(Enum):
    """How a list is returned (contract#pagination): complete, in pages, or not stated. If it is not
    stated, further pages are read only if the answer suggests that there are some.
    """

    WHOLE = "whole"
    PAGES = "pages"
    UNSTATED = "not stated"


@dataclass(frozen=True, slots=True)
class Listing:
    """How one list is read.

    `path` can contain `{parent}`, the id after the colon of `rules:<firewall id>`. `identify(row)`
    is the id of a row, and `decode(row, parent)` its object, None if that no longer exists. Both
    raise `ValueError` if the row lacks what the contract promises. `unpack(result)` returns the
    rows from inside the answer, None if there is no such list. `inline(row)` is the name and the
    rows of another list that each row contains. `missing_errors` and `missing_status` are the
    refusals for a list that does not exist, which is not the same as an empty one and proves no
    absence.
    """

    path: str
    identify: Callable[[Any], str]
    decode: Callable[[Any, str | None], Any]
    paging: Paging = Paging.PAGES
    query: tuple[tuple[str, str], ...] = ()
    unpack: Callable[[Any], Any] | None = None
    inline: Callable[[Any], tuple[str, Any]] | None = None
    missing_errors: frozenset[str] = frozenset()
    missing_status: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectSummary:
    """How a new object is described. `parts(values)` makes texts of the values of `fields`, which
    it gets in this order and as people read them; a field that is not set is missing. Other fields
    follow as `name value`.
    """

    fields: tuple[str, ...] = ()
    parts: Callable[[Mapping[str, str]], Iterable[str]] = lambda values: values.values()


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One kind: `name` as in addresses (`instances`), `singular` as in operations (`instance`), its
    fields and operations.

    Reading: `attributes` can be read by references (stack-files#attributes). `decode(row)` turns
    one row of the API into a `LiveResource` without secrets; it raises `ValueError` if the row
    lacks what the contract promises. A value that is missing in the row is not an attribute of the
    object, so that it is not compared. `lists` are the lists that contain the objects, by the names
    that `Operation.watches` uses. `detail` is the path of one object, None if there is no such
    call, and `absent_errors` are the errors with which it proves absence besides an empty answer
    (contract#absence). `console` is the path of the link to an object's console.
    `recreated` says what differs if an object is deleted and created again.

    Stack files: `description` says what the section of the kind contains. `key_pattern` and
    `key_rule` are the form of its keys, as a regular expression and for people. `order` is its
    place in lists for people. `owner` is the kind inside of which its objects are written;
    `owner_attribute` is the attribute of its live objects with the owner's id. `spellings` are
    other names that people use for it.

    Planning: `replaceable`: its objects can be replaced, and their deletion takes a while. `zonal`:
    each object is in a zone. `folded`: `adopt` writes objects that differ only in a number as one
    resource with `for_each`. `price(attributes, prices)` is the price of one object per month in
    KRW, None if it is unknown; a kind without it is free. `describe(attributes)` is one line about
    an object, besides its name and id. `disk` is the kind of disk of its objects (`root` or
    `volume`), and `disk_gb(attributes, catalogue)` its size.

    Derived: `attachment` is the field that attaches an object to another one, `membership` the
    field that makes it a member of another one, and `power` the field that turns it on and off.
    Each is None if the kind has no such field.
    """

    name: str
    singular: str
    fields: Mapping[str, Field]
    attributes: tuple[str, ...]
    operations: Mapping[str, Operation]
    decode: Callable[[Mapping[str, Any]], LiveResource]
    description: str = ""
    key_pattern: str = "^[a-z][a-z0-9_]{0,23}$"
    key_rule: str = "use a-z, 0-9 and _, starting with a letter, at most 24 characters"
    lists: Mapping[str, Listing] = EMPTY
    detail: str | None = None
    absent_errors: frozenset[str] = frozenset()
    console: str | None = None
    recreated: str = ""
    order: int = 0
    owner: str | None = None
    owner_attribute: str | None = None
    replaceable: bool = False
    spellings: tuple[str, ...] = ()
    zonal: bool = True
    folded: bool = False
    price: Callable[[Mapping[str, Any], Prices], int | None] | None = None
    describe: Callable[[Mapping[str, Any]], str] = lambda attributes: ""
    disk: str | None = None
    disk_gb: Callable[[Mapping[str, Any], Catalogue], int | None] = lambda attributes, rows: None
    summary: ObjectSummary = ObjectSummary()
    attachment: str | None = field(init=False)
    membership: str | None = field(init=False)
    power: str | None = field(init=False)

    def __post_init__(self) -> None:
        by_edit = {known.edit: known.name for known in self.fields.values()}
        object.__setattr__(self, "attachment", by_edit.get(Edit.ATTACH))
        object.__setattr__(self, "membership", by_edit.get(Edit.MEMBER))
        object.__setattr__(self, "power", by_edit.get(Edit.POWER))

    @property
    def billed(self) -> bool:
        """Whether its objects cost money."""
        return self.price is not None

    @property
    def noun(self) -> str:
        """One object of the kind in a sentence: `block storage`."""
        return Text(self.singular.replace("_", " "), {})

    @property
    def nouns(self) -> str:
        """Several of them: `block storages`."""
        return Text(self.name.replace("_", " "), {})

    def operation_name(self, verb: str) -> str:
        """The name of an operation as in steps: `instance.create`."""
        return f"{self.singular}.{verb}"

    @property
    def identity(self) -> tuple[str, ...]:
        """Fields whose values must match for an existing object to be proposed for a binding."""
        return tuple(field.name for field in self.fields.values() if field.identity)

    @property
    def distinguishing(self) -> tuple[str, ...]:
        """Fields besides texts: in a rule, those that say which traffic it allows."""
        return tuple(field.name for field in self.fields.values() if not field.limited)

    @property
    def required(self) -> tuple[str, ...]:
        """Fields that must have a value when an object is created."""
        return tuple(field.name for field in self.fields.values() if field.required)

    @property
    def compared_at_create(self) -> tuple[str, ...]:
        """Fields whose values must match, besides the nonce, for an object to be the one that a
        create made.
        """
        attached = (field.name for field in self.fields.values() if field.edit is Edit.ATTACH)
        return (*self.identity, *attached)


CREATE, UPDATE, DELETE, WAIT = "create", "update", "delete", "wait"
ATTACH, DETACH = "attach", "detach"
"""Verbs with the same meaning for every kind. `wait` sends nothing: it continues an earlier create.
"""


def verb_of(operation: str) -> str:
    """The part of an operation's name after the kind: `delete` of `instance.delete`."""
    return operation.partition(".")[2]


def creates(operation: str) -> bool:
    """Whether an operation creates an object."""
    return verb_of(operation) == CREATE


def deletes(operation: str) -> bool:
    """Whether an operation deletes its object."""
    return verb_of(operation) == DELETE


def removes(operation: str) -> bool:
    """Whether an operation deletes its object or detaches it from another one."""
    return verb_of(operation) in (DELETE, DETACH)


def waits(operation: str) -> bool:
    """Whether a step only waits for an object that an earlier run created."""
    return verb_of(operation) == WAIT


def acts_on(operation: str, *singulars: str) -> bool:
    """Whether an operation is one of these kinds, given as in operations (`rule`)."""
    return operation.partition(".")[0] in singulars


def kind_of(kinds: Mapping[str, ResourceType], operation: str) -> ResourceType:
    """The kind whose operation that is. Raises StopIteration if there is none."""
    singular = operation.partition(".")[0]
    return next(kind for kind in kinds.values() if kind.singular == singular)


def operation_of(kinds: Mapping[str, ResourceType], name: str) -> Operation:
    """The operation that a step names as `<kind>.<verb>` (`instance.create`). A wait ends like the
    create that it continues. Raises KeyError if no kind has it.
    """
    singular, _, verb = name.partition(".")
    for kind in kinds.values():
        if kind.singular == singular:
            return kind.operations[CREATE if verb == WAIT else verb]
    raise KeyError(name)
