"""Reads a pickle as plain data: nothing is imported and nothing is called.

Python's own reader calls what the file tells it to call. This one keeps a call as a record of the name and
the arguments, so that whoever knows the format can look up what stands where. The opcodes are decoded by the
standard library's ``pickletools``; those that no known writer of network files uses are refused.
"""

from __future__ import annotations

import os
import pickletools
from collections.abc import Collection
from typing import Any, BinaryIO

_MAPPINGS = frozenset({"collections.OrderedDict", "dnnlib.util.EasyDict", "dnnlib.EasyDict"})
_SETS = frozenset({"builtins.set", "__builtin__.set"})
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_CONTAINERS = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_SET": set}
_LITERALS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}) | {
    f"{size}{kind}{width}"
    for kind in ("BINUNICODE", "BINBYTES")
    for size, width in (("", ""), ("SHORT_", ""), ("", "8"))
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_STORES = frozenset({"PUT", "BINPUT", "LONG_BINPUT"})
_RECALLS = frozenset({"GET", "BINGET", "LONG_BINGET"})
_IGNORED = frozenset({"PROTO", "FRAME"})  # read-ahead only
_MARK = object()
_PLAIN_KEYS = (str, int, float, bool, bytes, type(None))


class PickleRefusal(ValueError):
    """Why a pickle is not read; ``name`` is the global that is not allowed, where that is the reason."""

    def __init__(self, message: str, name: str = "") -> None:
        super().__init__(message)
        self.name = name


class Global:
    """The name of something outside the file; never looked up."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class Call:
    """A call that the file asks for and that nobody makes: ``name(*arguments)``, then ``state`` if given."""

    __slots__ = ("arguments", "name", "state")

    def __init__(self, name: str, arguments: tuple[Any, ...]) -> None:
        self.name, self.arguments, self.state = name, arguments, None


def read_pickle(stream: BinaryIO, allowed: Collection[str]) -> Any:
    """Return one pickle from ``stream`` and leave the stream behind it.

    Parameters
    ----------
    stream : binary file
        Seekable. A length in the file is never trusted beyond the bytes that are there.
    allowed : collection of str
        The globals that may be named, as ``module.name``.

    Returns
    -------
    object
        Plain values; ordered dictionaries and NVIDIA's ``EasyDict`` as dict; every other global or call as
        :class:`Global` or :class:`Call`; a persistent id as a ``Call`` of the name ``"persistent id"``.

    Raises
    ------
    PickleRefusal
        A global that is not allowed, an unexpected opcode, or a damaged or truncated pickle.
    """
    machine = _Machine(allowed)
    try:
        for opcode, argument, _ in pickletools.genops(_Bounded(stream)):
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, argument)
    except PickleRefusal:
        raise
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError, MemoryError) as error:
        detail = (str(error) or type(error).__name__).splitlines()[0][:120]
        raise PickleRefusal(f"is damaged or truncated: {detail}") from error
    raise PickleRefusal("is truncated")


class _Machine:
    def __init__(self, allowed: Collection[str]) -> None:
        self.allowed = allowed
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        value = self.stack.pop()
        if value is _MARK:
            raise PickleRefusal("is damaged: a mark stands where a value should")
        return value

    def pop_to_mark(self) -> list[Any]:
        values: list[Any] = []
        while (value := self.stack.pop()) is not _MARK:
            values.append(value)
        return values[::-1]

    def step(self, name: str, argument: Any) -> None:
        push = self.stack.append
        if name in _LITERALS:
            push(argument)
        elif name in _CONSTANTS:
            push(_CONSTANTS[name])
        elif name in _CONTAINERS:
            push(_CONTAINERS[name]())
        elif name == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif name in _STORES:
            self.memo[argument] = self.stack[-1]
        elif name in _RECALLS:
            push(self.memo[argument])
        elif name in _TUPLES:
            push(tuple(self.pop() for _ in range(_TUPLES[name]))[::-1])
        elif name == "MARK":
            push(_MARK)
        elif name == "TUPLE":
            push(tuple(self.pop_to_mark()))
        elif name in ("SETITEM", "SETITEMS"):
            values = self.pop_to_mark() if name == "SETITEMS" else [self.pop(), self.pop()][::-1]
            _expect(self.stack[-1], dict).update(_pairs(values))
        elif name in ("APPEND", "APPENDS"):
            values = self.pop_to_mark() if name == "APPENDS" else [self.pop()]
            _expect(self.stack[-1], list).extend(values)
        elif name == "ADDITEMS":
            values = self.pop_to_mark()
            _expect(self.stack[-1], set).update(_key(value) for value in values)
        elif name == "GLOBAL":
            push(self.named(argument.replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = _expect(self.pop(), str), _expect(self.pop(), str)
            push(self.named(f"{module}.{attribute}"))
        elif name in ("REDUCE", "NEWOBJ"):
            arguments = _expect(self.pop(), tuple)
            push(_called(_expect(self.pop(), Global).name, arguments))
        elif name == "BUILD":
            state = self.pop()
            _expect(self.stack[-1], Call).state = state
        elif name == "BINPERSID":
            push(Call("persistent id", (self.pop(),)))
        elif name not in _IGNORED:
            raise PickleRefusal(f"has the opcode {name}, which no writer of networks uses")

    def named(self, name: str) -> Global:
        if name not in self.allowed:
            raise PickleRefusal(f"names {name[:120]}, which is not allowed; nothing was executed", name)
        return Global(name)


class _Bounded:
    """A stream that refuses lengths beyond its end before any memory is set aside for them."""

    def __init__(self, stream: BinaryIO) -> None:
        self.stream, self.tell, self.readline = stream, stream.tell, stream.readline
        here = stream.tell()
        self.end = stream.seek(0, os.SEEK_END)
        stream.seek(here)

    def read(self, count: int) -> bytes:
        if count > self.end - self.stream.tell():
            raise PickleRefusal("is truncated: it announces more bytes than the file has")
        return self.stream.read(count)


def _called(name: str, arguments: tuple[Any, ...]) -> Any:
    if name in _MAPPINGS:
        return dict(_pairs([item for pair in (arguments[0] if arguments else []) for item in pair]))
    if name in _SETS:
        return {_key(value) for value in _expect(arguments[0] if arguments else [], list)}
    return Call(name, arguments)


def _pairs(values: list[Any]) -> list[tuple[Any, Any]]:
    return [(_key(key), value) for key, value in zip(values[::2], values[1::2], strict=True)]


def _key(value: Any) -> Any:
    # A deeply nested tuple would overflow the stack while its hash is taken.
    return _expect(value, _PLAIN_KEYS)


def _expect(value: Any, kind: type | tuple[type, ...]) -> Any:
    if not isinstance(value, kind):
        raise PickleRefusal(f"is damaged: a {type(value).__name__} stands where another thing should")
    return value
