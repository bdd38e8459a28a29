#!/usr/bin/env python3
"""Are adfeat/_abi.py and _enums.py, which make_abi.py wrote, the header? Every enum, struct, callback
and function, by name, value, layout and type, as another reader and the C compiler see them; and no
other file of the package but _c.py uses ctypes."""
import collections
import ctypes
import enum
import glob
import os
import re
import subprocess

import helper

import adfeat
from adfeat import _abi, _c, _enums

HEADER = os.path.join(helper.ROOT, "include", "adfeat.h")
SCALARS = {"void": None, "int": ctypes.c_int, "int32_t": ctypes.c_int32, "int64_t": ctypes.c_int64,
           "char": ctypes.c_char, "uint8_t": ctypes.c_uint8, "uint32_t": ctypes.c_uint32, "uint64_t": ctypes.c_uint64,
           "size_t": ctypes.c_size_t, "float": ctypes.c_float, "double": ctypes.c_double}


class Header:
    """The declarations, read from the text: `typedef enum`, `typedef struct`, callbacks, AD_API functions."""

    def __init__(self, path):
        with open(path) as file:
            text = file.read()
        self.version = ".".join(re.search(r"#define AD_VERSION_%s (\d+)" % part, text).group(1)
                                for part in ("MAJOR", "MINOR", "PATCH"))
        text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
        text = re.sub(r"^\s*#(?:.*\\\n)*.*$", " ", text, flags=re.M)
        text = re.sub(r"\s+", " ", text).replace("AD_NODISCARD", " ")
        self.enums = {name: [item.split("=")[0].strip() for item in body.split(",") if item.strip()]
                      for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\} \1;", text)}
        self.structs = {name: [self.field(field) for field in body.split(";") if field.strip()]
                        for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\} \1;", text)}
        self.opaque = set(re.findall(r"typedef struct (\w+) \1;", text))
        self.callbacks = {name: (self.type(result), self.arguments(arguments))
                          for result, name, arguments
                          in re.findall(r"typedef ([\w ]+\*?) ?\(\*(\w+)\)\((.*?)\);", text)}
        self.functions = {name: (self.type(result), self.arguments(arguments))
                          for result, name, arguments in re.findall(r"AD_API ([\w ]+?[ *]+)(ad_\w+)\((.*?)\);", text)}

    @staticmethod
    def type(text):
        """Without const and names' spaces: "const char *const *" is "char**"."""
        return re.sub(r"\bconst\b|\s", "", text)

    def arguments(self, text):
        if text.strip() == "void":
            return []
        return [self.type(re.sub(r"\w+\s*$", "", argument)) for argument in text.split(",")]

    def field(self, text):
        match = re.match(r"\s*(.*?)(\w+)(?:\[(\d+)\])?\s*$", text)
        return match.group(2), self.type(match.group(1)), int(match.group(3) or 0)

    def ctypes_of(self, text):
        """What may stand for a C type: a set, since a pointer to numbers may be declared as void *."""
        if text in SCALARS:
            return {SCALARS[text]}
        if text in self.enums:
            return {ctypes.c_int}
        if text in self.structs or text in self.callbacks:
            return {getattr(_abi, text)}
        if text == "char*":
            return {ctypes.c_char_p}
        if text == "char**":
            return {ctypes.POINTER(ctypes.c_char_p)}
        if text == "void*" or (text.endswith("*") and text[:-1] in self.opaque):
            return {ctypes.c_void_p}
        if text.endswith("**") and text[:-2] in self.opaque:
            return {ctypes.POINTER(ctypes.c_void_p)}
        if text.endswith("*") and text[:-1] in self.structs:
            return {ctypes.POINTER(getattr(_abi, text[:-1]))}
        if text.endswith("*") and text[:-1] in SCALARS:
            return {ctypes.POINTER(SCALARS[text[:-1]]), ctypes.c_void_p}
        raise AssertionError("no rule for the C type '%s'" % text)


header = Header(HEADER)


class AbiTest(helper.Case):
    def test_the_header_was_read_whole(self):
        """What the compiler sees of the header has no function, struct or enum that the parser missed."""
        seen = subprocess.run([helper.CC, "-E", "-P", HEADER], check=True, stdout=subprocess.PIPE,
                              universal_newlines=True).stdout
        self.assertEqual(set(re.findall(r"\b(ad_[a-z0-9_]+)\s*\(", seen)), set(header.functions))
        self.assertEqual(set(re.findall(r"\(\s*\*\s*(ad_\w+)\s*\)", seen)), set(header.callbacks))
        self.assertEqual(set(re.findall(r"typedef\s+enum\s+(ad_\w+)", seen)), set(header.enums))
        self.assertEqual(set(re.findall(r"typedef\s+struct\s+(ad_\w+)", seen)), set(header.structs) | header.opaque)
        self.assertEqual(set(re.findall(r"\bAD_[A-Z0-9_]+(?=\s*=)", seen)),
                         {name for names in header.enums.values() for name in names})
        self.assertGreater(len(header.functions), 50)

    def test_functions(self):
        """The same names, the same number and kinds of parameters; and the library has them."""
        self.assertEqual(set(_abi.FUNCTIONS), set(header.functions))
        library, parameters = ctypes.CDLL(os.environ["ADFEAT_LIBRARY"]), 0
        for name, (result, arguments) in header.functions.items():
            restype, argtypes = _abi.FUNCTIONS[name]
            self.assertIn(restype, header.ctypes_of(result), name)
            self.assertEqual(len(argtypes), len(arguments), name)
            for i, (got, wanted) in enumerate(zip(argtypes, arguments)):
                self.assertIn(got, header.ctypes_of(wanted), "%s, parameter %d: %s" % (name, i, wanted))
            parameters += len(arguments)
            getattr(library, name)
            self.assertEqual(list(getattr(_c.lib, name).argtypes), argtypes)
        print("%d of %d functions, %d parameters" % (len(_abi.FUNCTIONS), len(header.functions), parameters))

    def test_callbacks(self):
        for name, (result, arguments) in header.callbacks.items():
            kind = getattr(_abi, name)
            self.assertIn(kind._restype_, header.ctypes_of(result), name)
            self.assertEqual(len(kind._argtypes_), len(arguments), name)
            for got, wanted in zip(kind._argtypes_, arguments):
                self.assertIn(got, header.ctypes_of(wanted), name)
        print("%d callbacks" % len(header.callbacks))

    def declared(self, base):
        return {name: kind for name, kind in vars(_c).items()
                if isinstance(kind, type) and issubclass(kind, base)
                and kind.__module__ in (_abi.__name__, _enums.__name__)}

    def test_layout_and_values(self):
        """A C program made from the header's names says sizes, offsets and values."""
        self.assertEqual(set(self.declared(ctypes.Structure)), set(header.structs))
        self.assertEqual(set(self.declared(enum.IntEnum)), set(header.enums))
        lines = ['#include "adfeat.h"', "#include <stdio.h>", "int main(void) {"]
        for name, fields in header.structs.items():
            lines.append('printf("struct %s %%zu\\n", sizeof(%s));' % (name, name))
            for field, _, _ in fields:
                lines.append('printf("field %s %s %%zu %%zu\\n", offsetof(%s, %s), sizeof(((%s *)0)->%s));'
                             % (name, field, name, field, name, field))
        for name, constants in header.enums.items():
            for constant in constants:
                lines.append('printf("enum %s %s %%lld\\n", (long long)%s);' % (name, constant, constant))
        lines.append("return 0; }")
        program = os.path.join(helper.scratch(), "layout")
        subprocess.run([helper.CC, "-std=c99", "-I", os.path.dirname(HEADER), "-x", "c", "-", "-o", program],
                       input="\n".join(lines).encode(), check=True)
        said = subprocess.run([program], check=True, stdout=subprocess.PIPE, universal_newlines=True).stdout
        seen = collections.Counter()
        fields, constants = collections.defaultdict(list), collections.defaultdict(dict)
        for line in said.splitlines():
            kind, name, *rest = line.split()
            seen[kind] += 1
            if kind == "struct":
                self.assertEqual(ctypes.sizeof(getattr(_abi, name)), int(rest[0]), name)
            elif kind == "field":
                field = getattr(getattr(_abi, name), rest[0])
                self.assertEqual((field.offset, field.size), (int(rest[1]), int(rest[2])), line)
                fields[name].append(rest[0])
            else:
                constants[name][rest[0]] = int(rest[1])
        for name, members in header.structs.items():
            kind = getattr(_abi, name)
            self.assertEqual(fields[name], [field[0] for field in kind._fields_], name)
            for (_, got), (field, wanted, count) in zip(kind._fields_, members):
                possible = header.ctypes_of(wanted)
                if wanted.endswith("*") and wanted != "char*":
                    possible = {ctypes.c_void_p}
                self.assertIn(got, {each * count for each in possible} if count else possible, (name, field))
        for name, values in constants.items():
            self.assertEqual({member: each.value for member, each in
                              getattr(_enums, name).__members__.items()}, values, name)
        print("%d structs, %d fields, %d constants" % (seen["struct"], seen["field"], seen["enum"]))

    def test_versions(self):
        self.assertEqual(adfeat.__version__, header.version)
        self.assertEqual(_c.lib.ad_abi_version(), _c.ABI_VERSION)

    def test_an_exception_for_every_status(self):
        from adfeat import errors

        for status in _enums.ad_status:
            self.assertEqual(_c.lib.ad_status_name(status).decode(), status.name)
            if status:
                error = errors.from_status(status, "sentence")
                self.assertIsNot(type(error), errors.Error, status.name)
                self.assertEqual((type(error).status, error.status, error.message), (status, status, "sentence"))
        self.assertIs(type(errors.from_status(999, "of a newer library")), errors.Error)

    def test_ctypes_is_in_two_files(self):
        package = os.path.dirname(os.path.abspath(_abi.__file__))
        files = glob.glob(os.path.join(package, "*.py"))
        self.assertGreater(len(files), 10)
        for path in files:
            with open(path) as file:
                uses = re.search(r"^\s*(import|from) ctypes", file.read(), re.M)
            self.assertEqual(bool(uses), os.path.basename(path) in ("_abi.py", "_c.py"), path)


if __name__ == "__main__":
    helper.main()
