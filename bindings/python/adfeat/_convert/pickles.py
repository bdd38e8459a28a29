"""Read a pickle as data.

A pickle is a program, and Python's own reader gives it whatever it asks for. This one knows the few
instructions that containers, numbers and text are made of, hands every name to the caller's table and every
call to what that table gave, and takes time and memory in proportion to the pickle's length. What the table does
not know stays an Opaque thing: it is never imported and never called, and only keeps what it was given.
"""
from __future__ import annotations

import pickletools
import struct
import typing

from .tensors import Refused

MAX_LENGTH = 64 << 20      # of one pickle; that of a checkpoint with its optimiser has less than 1 MB
MAX_STEPS = 2_000_000
MAX_NAME = 256             # of a module or what is in it
MAX_INTEGER_BYTES = 16     # PyTorch's magic number has 10
KEYS = (str, int, float, bool, type(None))


class Function:
    """What a name stands for when the pickle may call it. `call` takes any arguments and checks them."""
    __slots__ = ("call",)

    def __init__(self, call: typing.Callable[..., object]) -> None:
        self.call = call


class Opaque:
    """An object, or a call's result, that the pickle names and that is not made. `parts` are what it would have been
    made of, so that tensors among them are not overlooked. As a key it is only itself."""
    __slots__ = ("name", "parts")

    def __init__(self, name: str, *parts: object) -> None:
        self.name, self.parts = name, list(parts)


def name_of_call(function: Opaque, arguments: tuple) -> str:
    """Python 3.11 pickles a member of an enum as getattr() of its class, which says more."""
    of_class = function.name in ("builtins.getattr", "__builtin__.getattr") and arguments
    return arguments[0].name if of_class and isinstance(arguments[0], Opaque) else function.name


class Inert:
    """What a pickle may set a state on, which is then ignored. A dict is another such thing."""
    __slots__ = ()


def store(target: object, key: object, value: object) -> None:
    if isinstance(target, Opaque):
        target.parts += (key, value)
        return
    if not isinstance(target, dict):
        raise Refused("has a pickle that sets an item of what is no dict")
    # Only keys whose hash costs nothing: that of a tuple of tuples can take forever.
    target[key if isinstance(key, KEYS) else Opaque("a key", key)] = value


class Machine:
    """One pickle. `find` gives what a global name stands for, `persistent` what a reference does; both raise
    Refused for what they do not know."""

    def __init__(self, data: bytes, place: int, find: typing.Callable[[str, str], object],
                 persistent: typing.Callable[[object], object]) -> None:
        self.data, self.place, self.find, self.persistent = data, place, find, persistent
        self.end = min(len(data), place + MAX_LENGTH)
        self.stack: list = []
        self.below: list[list] = []    # the stacks beneath each mark
        self.memo: dict[int, object] = {}
        self.steps = 0

    def run(self) -> object:
        while True:
            code = self.take(1)
            self.spend(1)
            if code == b".":
                if self.below or len(self.stack) != 1:
                    raise Refused("has a pickle that ends in the middle")
                return self.stack[0]
            instruction = INSTRUCTIONS.get(code)
            if instruction is None:
                known = pickletools.code2op.get(code.decode("latin-1"))
                raise Refused("has a pickle with the instruction %s, which no state dict of tensors needs"
                              % (known.name if known else "0x%02x" % code[0]))
            instruction(self)

    def spend(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MAX_STEPS:
            raise Refused("has a pickle of more than %d instructions" % MAX_STEPS)

    # ---- Operands ----

    def take(self, n: int) -> bytes:
        if n > self.end - self.place:
            raise Refused("has a pickle that is damaged, truncated or longer than %d bytes" % MAX_LENGTH)
        self.place += n
        return self.data[self.place - n:self.place]

    def number(self, format_: str) -> int:
        return struct.unpack(format_, self.take(struct.calcsize(format_)))[0]

    def text(self, n: int, encoding: str = "utf-8") -> str:
        try:
            return self.take(n).decode(encoding)
        except UnicodeDecodeError:
            raise Refused("has a pickle with text that is none") from None

    def line(self) -> str:
        end = self.data.find(b"\n", self.place, min(self.end, self.place + MAX_NAME))
        if end < 0:
            raise Refused("has a pickle with a name that does not end")
        line = self.text(end - self.place)
        self.place += 1
        return line

    # ---- Stack ----

    def push(self, value: object) -> None:
        self.stack.append(value)

    def pop(self) -> object:
        if not self.stack:
            raise Refused("has a pickle that takes what is not there")
        return self.stack.pop()

    def top(self) -> object:
        if not self.stack:
            raise Refused("has a pickle that takes what is not there")
        return self.stack[-1]

    def pop_to_mark(self) -> list:
        if not self.below:
            raise Refused("has a pickle that takes what is not there")
        items, self.stack = self.stack, self.below.pop()
        return items

    def pop_many(self, n: int) -> tuple:
        if len(self.stack) < n:
            raise Refused("has a pickle that takes what is not there")
        items = tuple(self.stack[-n:])
        del self.stack[-n:]
        return items

    # ---- Instructions of more than a line ----

    def mark(self) -> None:
        self.below.append(self.stack)
        self.stack = []

    def protocol(self) -> None:
        if self.number("<B") > 5:
            raise Refused("has a pickle of an unknown protocol")

    def long(self, n: int) -> None:
        data = self.take(n)
        self.push(int.from_bytes(data, "little", signed=True) if n <= MAX_INTEGER_BYTES else Opaque("int"))

    def new(self, parts: int) -> None:
        """An instance, of a class and `parts` things."""
        *given, arguments = self.pop_many(parts + 1)
        if not isinstance(given[0], Opaque) or not isinstance(arguments, dict if parts == 2 else tuple):
            raise Refused("has a pickle that calls what is no function")
        self.push(Opaque(given[0].name, *given[1:], arguments))

    def get(self, key: int) -> None:
        if key not in self.memo:
            raise Refused("has a pickle that takes what is not there")
        self.push(self.memo[key])

    def put(self, key: int) -> None:
        self.memo[key] = self.top()

    def append(self, items: typing.Sequence) -> None:
        target = self.top()
        if isinstance(target, Opaque):
            target.parts += items
        elif isinstance(target, list):
            target.extend(items)
        else:
            raise Refused("has a pickle that appends to what is no list")

    def set_items(self, items: typing.Sequence) -> None:
        if len(items) % 2:
            raise Refused("has a pickle with a key without a value")
        target = self.top()
        for i in range(0, len(items), 2):
            store(target, items[i], items[i + 1])

    def stack_global(self) -> None:
        module, name = self.pop_many(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("has a pickle that asks for what has no name")
        if len(module) > MAX_NAME or len(name) > MAX_NAME:  # it may be looked at again and again
            raise Refused("has a pickle with a name of %d characters" % max(len(module), len(name)))
        self.push(self.find(module, name))

    def reduce(self) -> None:
        function, arguments = self.pop_many(2)
        if isinstance(function, Opaque) and isinstance(arguments, tuple):
            self.push(Opaque(name_of_call(function, arguments), arguments))
            return
        if not isinstance(function, Function) or not isinstance(arguments, tuple):
            raise Refused("has a pickle that calls what is no function")
        if arguments and isinstance(arguments[0], list):
            self.spend(len(arguments[0]))  # a call may copy it, and may be made again and again
        self.push(function.call(*arguments))

    def build(self) -> None:
        state = self.pop()
        target = self.top()
        if isinstance(target, Opaque):
            target.parts.append(state)
        elif not isinstance(target, (dict, Inert)):
            raise Refused("has a pickle that sets a state on what has none")


INSTRUCTIONS: dict[bytes, typing.Callable[[Machine], object]] = {
    b"\x80": Machine.protocol,
    b"\x95": lambda m: m.take(8),                                   # FRAME: only a hint
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"J": lambda m: m.push(m.number("<i")),
    b"K": lambda m: m.push(m.number("<B")),
    b"M": lambda m: m.push(m.number("<H")),
    b"\x8a": lambda m: m.long(m.number("<B")),
    b"\x8b": lambda m: m.long(m.number("<I")),
    b"G": lambda m: m.push(m.number(">d")),
    b"X": lambda m: m.push(m.text(m.number("<I"))),
    b"\x8c": lambda m: m.push(m.text(m.number("<B"))),
    b"\x8d": lambda m: m.push(m.text(m.number("<Q"))),
    b"C": lambda m: m.push(m.take(m.number("<B"))),
    b"B": lambda m: m.push(m.take(m.number("<I"))),
    b"\x8e": lambda m: m.push(m.take(m.number("<Q"))),
    b"\x96": lambda m: m.push(m.take(m.number("<Q"))),             # BYTEARRAY8
    b"U": lambda m: m.push(m.text(m.number("<B"), "latin-1")),      # a str of Python 2
    b"T": lambda m: m.push(m.text(m.number("<I"), "latin-1")),
    b"(": Machine.mark,
    b"0": Machine.pop,
    b"1": Machine.pop_to_mark,
    b")": lambda m: m.push(()),
    b"\x85": lambda m: m.push(m.pop_many(1)),
    b"\x86": lambda m: m.push(m.pop_many(2)),
    b"\x87": lambda m: m.push(m.pop_many(3)),
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),
    b"]": lambda m: m.push([]),
    b"a": lambda m: m.append(m.pop_many(1)),
    b"e": lambda m: m.append(m.pop_to_mark()),
    b"\x8f": lambda m: m.push(Opaque("set")),
    b"\x90": lambda m: m.append(m.pop_to_mark()),                  # ADDITEMS
    b"\x91": lambda m: m.push(Opaque("frozenset", *m.pop_to_mark())),
    b"}": lambda m: m.push({}),
    b"s": lambda m: m.set_items(m.pop_many(2)),
    b"u": lambda m: m.set_items(m.pop_to_mark()),
    b"h": lambda m: m.get(m.number("<B")),
    b"j": lambda m: m.get(m.number("<I")),
    b"q": lambda m: m.put(m.number("<B")),
    b"r": lambda m: m.put(m.number("<I")),
    b"\x94": lambda m: m.put(len(m.memo)),
    b"c": lambda m: m.push(m.find(m.line(), m.line())),
    b"\x93": Machine.stack_global,
    b"Q": lambda m: m.push(m.persistent(m.pop())),
    b"R": Machine.reduce,
    b"\x81": lambda m: m.new(1),
    b"\x92": lambda m: m.new(2),
    b"b": Machine.build,
}
