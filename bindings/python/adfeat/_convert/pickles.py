"""Read a pickle as data.

A pickle is a program, and Python's own reader gives it whatever it asks for. This one knows the few
instructions that containers, numbers and text are made of, hands every name to the caller's table and every
call to what that table gave, and takes time and memory in proportion to the pickle's length.
"""
from __future__ import annotations

import pickletools
import struct
import typing

from .tensors import Refused

MAX_LENGTH = 64 << 20      # of one pickle; that of a checkpoint with its optimiser has less than 1 MB
MAX_STEPS = 2_000_000
MAX_INTEGER_BYTES = 16     # PyTorch's magic number has 10
KEYS = (str, int, float, bool, type(None))


class Function:
    """What a name stands for when the pickle may call it. `call` takes any arguments and checks them."""
    __slots__ = ("call",)

    def __init__(self, call: typing.Callable[..., object]) -> None:
        self.call = call


class Inert:
    """What a pickle may set a state on, which is then ignored. A dict is another such thing."""
    __slots__ = ()


def store(target: object, key: object, value: object) -> None:
    if not isinstance(target, dict):
        raise Refused("has a pickle that sets an item of what is no dict")
    # Only keys whose hash costs nothing: that of a tuple of tuples can take forever.
    if not isinstance(key, KEYS):
        raise Refused("holds a dict that no state dict is like")
    target[key] = value


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
        end = self.data.find(b"\n", self.place, min(self.end, self.place + 256))
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

    def long1(self) -> None:
        n = self.number("<B")
        if n > MAX_INTEGER_BYTES:
            raise Refused("has a pickle with a number of %d bytes" % n)
        self.push(int.from_bytes(self.take(n), "little", signed=True))

    def get(self, key: int) -> None:
        if key not in self.memo:
            raise Refused("has a pickle that takes what is not there")
        self.push(self.memo[key])

    def put(self, key: int) -> None:
        self.memo[key] = self.top()

    def append(self, items: typing.Sequence) -> None:
        target = self.top()
        if not isinstance(target, list):
            raise Refused("has a pickle that appends to what is no list")
        target.extend(items)

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
        self.push(self.find(module, name))

    def reduce(self) -> None:
        function, arguments = self.pop_many(2)
        if not isinstance(function, Function) or not isinstance(arguments, tuple):
            raise Refused("has a pickle that calls what is no function")
        if arguments and isinstance(arguments[0], list):
            self.spend(len(arguments[0]))  # a call may copy it, and may be made again and again
        self.push(function.call(*arguments))

    def build(self) -> None:
        self.pop()
        if not isinstance(self.top(), (dict, Inert)):
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
    b"\x8a": Machine.long1,
    b"G": lambda m: m.push(m.number(">d")),
    b"X": lambda m: m.push(m.text(m.number("<I"))),
    b"\x8c": lambda m: m.push(m.text(m.number("<B"))),
    b"U": lambda m: m.push(m.text(m.number("<B"), "latin-1")),      # a str of Python 2
    b"T": lambda m: m.push(m.text(m.number("<I"), "latin-1")),
    b"(": Machine.mark,
    b"0": Machine.pop,
    b")": lambda m: m.push(()),
    b"\x85": lambda m: m.push(m.pop_many(1)),
    b"\x86": lambda m: m.push(m.pop_many(2)),
    b"\x87": lambda m: m.push(m.pop_many(3)),
    b"t": lambda m: m.push(tuple(m.pop_to_mark())),
    b"]": lambda m: m.push([]),
    b"a": lambda m: m.append(m.pop_many(1)),
    b"e": lambda m: m.append(m.pop_to_mark()),
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
    b"b": Machine.build,
}
