#!/usr/bin/env python3
"""include/adfeat.h in ctypes: writes adfeat/_abi.py (structs, callbacks, functions, numbers) and
adfeat/_enums.py. The header is regular, so this needs no compiler; what it cannot read it refuses.

usage: python3 bindings/python/make_abi.py [--check]

--check writes nothing, and fails where the files are not those of the header."""
import os
import re
import sys
import textwrap

HERE = os.path.dirname(os.path.abspath(__file__))
HEADER = os.path.join(HERE, "..", "..", "include", "adfeat.h")
COMMAND = "python3 bindings/python/make_abi.py"
COLUMNS = 100
FIRST_LINE = "# Written by %s from include/adfeat.h: do not edit.\n" % COMMAND
NUMBERS = {"int": "c_int", "char": "c_char", "float": "c_float", "double": "c_double",
           "size_t": "c_size_t", "int8_t": "c_int8", "int16_t": "c_int16", "int32_t": "c_int32",
           "int64_t": "c_int64", "uint8_t": "c_uint8", "uint16_t": "c_uint16",
           "uint32_t": "c_uint32", "uint64_t": "c_uint64"}


class CannotRead(Exception):
    """A declaration that this script has no rule for."""


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def split_list(text):
    """The items of "a, b"; a comma after the last is allowed, as in enums."""
    items = [item.strip() for item in text.split(",")]
    return items[:-1] if items and not items[-1] else items


class Header:
    """The header's declarations in their order: (kind, name, ...)."""

    def __init__(self, text):
        text = without_comments(text)
        self.constants = {}  # of `#define AD_X 1` and of enums
        self.defines = []
        self.enums = {}
        self.structs = {}
        self.callbacks = {}
        self.opaque = set()
        self.functions = {}
        self.order = []  # structs and callbacks as they are declared
        self._read_defines(text)
        text = re.sub(r"^[ \t]*#(?:.*\\\n)*.*$", " ", text, flags=re.M)
        self._read_declarations(re.sub(r"\s+", " ", text).strip())

    def _read_defines(self, text):
        define = re.compile(r"^[ \t]*#[ \t]*define[ \t]+(AD_\w+)[ \t]+(\S[^\n]*)$", re.M)
        for name, value in define.findall(text):
            value = value.strip()
            if re.fullmatch(r"[\w\s()<|+*-]*\d[\w\s()<|+*-]*", value):
                self.constants[name] = self._value(value, name)
                self.defines.append(name)

    def _value(self, text, name):
        """A constant expression: numbers, names of constants, + - * << | and brackets."""
        tokens = re.findall(r"0[xX][0-9a-fA-F]+|\d+|\w+|<<|[-+*|()]|\S", re.sub(
            r"\b(0[xX][0-9a-fA-F]+|\d+)[uUlL]+\b", r"\1", text))
        for i, token in enumerate(tokens):
            if token in self.constants:
                tokens[i] = str(self.constants[token])
            elif not re.fullmatch(r"0[xX][0-9a-fA-F]+|\d+|<<|[-+*|()]", token):
                raise CannotRead("the value of %s: %s" % (name, text))
        return int(eval(" ".join(tokens), {"__builtins__": {}}))  # of numbers and signs alone

    def _read_declarations(self, text):
        rules = [
            (r'extern "C" \{|\}$', None),
            (r"typedef enum (?P<tag>\w+ )?\{(?P<body>[^{}]*)\} (?P<name>\w+) ?;", self._enum),
            (r"typedef struct (?P<tag>\w+ )?\{(?P<body>[^{}]*)\} (?P<name>\w+) ?;", self._struct),
            (r"typedef struct (?P<tag>\w+) (?P<name>\w+) ?;", self._opaque),
            (r"typedef (?P<result>[\w ]+?[ *]*)\( ?\* ?(?P<name>\w+) ?\) ?"
             r"\((?P<arguments>[^()]*)\) ?;", self._callback),
            (r"(?:AD_[A-Z]+ )+(?P<result>[\w ]+?[ *]+)(?P<name>ad_\w+) ?"
             r"\((?P<arguments>[^()]*)\) ?;", self._function),
        ]
        at = 0
        while at < len(text):
            at += text[at] == " "
            for pattern, take in rules:
                match = re.compile(pattern).match(text, at)
                if match:
                    break
            else:
                raise CannotRead("no rule for '%s'" % text[at:at + 80].strip())
            if take:
                take(**match.groupdict())
            at = match.end()

    def _enum(self, tag, body, name):
        value, members = -1, {}
        for item in split_list(body):
            member, _, given = (part.strip() for part in item.partition("="))
            value = self._value(given, member) if given else value + 1
            self.constants[member] = members[member] = value
        self.enums[name] = members

    def _struct(self, tag, body, name):
        self.opaque.discard(name)
        fields = []
        for declaration in body.split(";"):
            if not declaration.strip():
                continue
            match = re.fullmatch(r"([\w ]+?[ *]+)(\w+)((?: ?\[[^]]*\])*)\s*",
                                 re.sub(r"\bconst\b ?", "", declaration).strip())
            if not match:
                raise CannotRead("%s has the field '%s'" % (name, declaration.strip()))
            counts = [self._value(n, match[2]) for n in re.findall(r"\[([^]]*)\]", match[3])]
            fields.append((match[2], self._field_type(match[1], name), counts))
        self.structs[name] = fields
        self.order.append(name)

    def _opaque(self, tag, name):
        self.opaque.add(name)

    def _callback(self, result, name, arguments):
        self.callbacks[name] = self._signature(result, arguments, name)
        self.order.append(name)

    def _function(self, result, name, arguments):
        self.functions[name] = self._signature(result, arguments, name)

    def _signature(self, result, arguments, name):
        if arguments.strip() in ("", "void"):
            return self._type(result, name), []
        return self._type(result, name), [self._argument(a, name) for a in arguments.split(",")]

    def _argument(self, text, name):
        tokens = re.findall(r"\w+|\S", re.sub(r"\bconst\b", " ", text))
        if len(tokens) > 1 and tokens[-1] != "*":
            tokens.pop()  # the parameter's name
        return self._type("".join(tokens), name)

    def _field_type(self, text, name):
        """The package fills and reads them, so a pointer is an address."""
        bare = re.sub(r"\bconst\b|\s", "", text)
        if bare == "char*":
            return "c_char_p"
        return "c_void_p" if "*" in bare else self._type(text, name)

    def _type(self, text, name):
        """A type of a parameter or result."""
        bare = re.sub(r"\b(const|struct|enum)\b|\s", "", text)
        base, stars = bare.rstrip("*"), len(bare) - len(bare.rstrip("*"))
        if stars == 0:
            if base == "void":
                return "None"
            if base in NUMBERS or base in self.structs or base in self.callbacks:
                return NUMBERS.get(base, base)
            if base in self.enums:
                return "c_int"
        elif base == "char" and stars <= 2:
            return ("c_char_p", "POINTER(c_char_p)")[stars - 1]
        elif stars == 1 and (base in NUMBERS or base in self.opaque or base in self.enums
                             or base == "void"):
            return "c_void_p"
        elif stars == 1 and base in self.structs:
            return "POINTER(%s)" % base
        elif stars == 2 and (base in self.opaque or base == "void"):
            return "POINTER(c_void_p)"
        raise CannotRead("%s has the type '%s'" % (name, text.strip()))


def wrapped(head, items, tail):
    """head, the items with commas, tail: in lines that begin below the end of head."""
    text = head + ", ".join(item.replace(" ", "\0") for item in items) + tail
    lines = textwrap.wrap(text, COLUMNS, subsequent_indent=" " * len(head), break_long_words=False,
                          break_on_hyphens=False) if len(text) > COLUMNS else [text]
    return "\n".join(lines).replace("\0", " ") + "\n"


def enums_file(header):
    text = FIRST_LINE + '"""The enums of include/adfeat.h, name for name."""\n'
    text += "from __future__ import annotations\n\nfrom enum import IntEnum\n"
    for name, members in header.enums.items():
        text += "\n\nclass %s(IntEnum):\n" % name
        for member, value in members.items():
            text += "    %s = %s\n" % (member, value if abs(value) < 1 << 16 else "0x%08X" % value)
    return text


ABI_HEAD = '''"""The numbers, structs, callbacks and functions of include/adfeat.h, name for name.

A callback's object must be kept for as long as C may call it. A pointer to numbers is a c_void_p:
an address that NumPy gives is as good as byref()."""
from __future__ import annotations

%sfrom typing import Any, Dict, List, Tuple

'''


def structs_and_callbacks(header):
    """In the header's order. Two empty lines around a class, none between callbacks."""
    text, before = "", ""
    for name in header.order:
        if name in header.callbacks:
            result, arguments = header.callbacks[name]
            text += "\n" * 2 * (before != "callback")
            text += wrapped("%s = CFUNCTYPE(" % name, [result] + arguments, ")")
            before = "callback"
            continue
        fields = ['("%s", %s%s)' % (field, kind, "".join(" * %d" % n for n in reversed(counts)))
                  for field, kind, counts in header.structs[name]]
        text += "\n\nclass %s(Structure):\n" % name + wrapped("    _fields_ = [", fields, "]")
        before = "class"
    return text


def abi_file(header):
    body = structs_and_callbacks(header)
    body += "\n\n# What each function returns and takes.\n"
    body += "FUNCTIONS: Dict[str, Tuple[Any, List[Any]]] = {\n"
    for name, (result, arguments) in header.functions.items():
        body += wrapped('    "%s": (%s, [' % (name, result), arguments, "]),")
    body += "}\n"
    used = sorted(set(re.findall(r"\bc_\w+|\bPOINTER\b|\bCFUNCTYPE\b|\bStructure\b", body)))
    numbers = "".join("%s = %d\n" % (name, header.constants[name]) for name in header.defines)
    return FIRST_LINE + ABI_HEAD % wrapped("from ctypes import (", used, ")") + numbers + body


def files(header_text):
    """{path from this folder: text}"""
    header = Header(header_text)
    return {"adfeat/_abi.py": abi_file(header), "adfeat/_enums.py": enums_file(header)}


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    with open(HEADER, encoding="utf-8") as file:
        made = files(file.read())
    for name, text in made.items():
        path = os.path.join(HERE, name)
        if not arguments:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            continue
        with open(path, encoding="utf-8") as file:
            if file.read() != text:
                sys.exit("bindings/python/%s is not that of include/adfeat.h: run %s"
                         % (name, COMMAND))
    print("%s: %s" % (" ".join(made), "as the header" if arguments else "written"))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except CannotRead as error:
        sys.exit("include/adfeat.h: %s" % error)
