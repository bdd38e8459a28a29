#!/usr/bin/env python3
"""A newer header still means the same to a program that was compiled with an older one: functions, callback
types and enumerators are as they were, and structs have only grown at their end. A four-byte field named
reserved may have got a name and a use.

usage: header_compatible.py OLD NEW COMPILER [SUPPRESSIONS]

SUPPRESSIONS is written for abidiff: what it need not look at, since it is nobody else's business (opaque
structs) or has been looked at here (structs that have grown; abidiff 2.2 has a rule for fields that are
inserted at the end, which hides reordered fields too).
"""
import re
import subprocess
import sys

FOUR_BYTES = ("int32_t", "uint32_t", "float")


def declarations(path, compiler):
    """Enumerators, fields of structs, and the text of everything else, by name."""
    with open(path) as file:
        source = re.sub(r"^#include.*$", "", file.read(), flags=re.M)
    text = subprocess.run([compiler, "-E", "-P", "-x", "c", "-"], input=source, check=True, capture_output=True,
                          text=True).stdout
    text = re.sub(r"__attribute__\s*\(\(.*?\)\)\)*", " ", text)
    enumerators, structs, others = {}, {}, {}

    def take_enum(match):
        value = -1
        for item in filter(None, map(str.strip, match.group(1).split(","))):
            name, _, given = map(str.strip, item.partition("="))
            value = int(given, 0) if given else value + 1
            enumerators[name] = value
        return ""

    def take_struct(match):
        fields = []
        for field in filter(None, (" ".join(f.split()) for f in match.group(1).split(";"))):
            kind, name, count = re.fullmatch(r"(.*?)(\w+)(?:\[(\d+)\])?", field).groups()
            if name == "reserved" and count:  # each is room of its own
                fields += [(kind.strip(), name)] * int(count)
            else:
                fields.append((kind.strip(), name + (f"[{count}]" if count else "")))
        structs[match.group(2)] = fields
        return ""

    text = re.sub(r"typedef enum \w+ \{(.*?)\} \w+;", take_enum, text, flags=re.S)
    text = re.sub(r"typedef struct \w+ \{(.*?)\} (\w+);", take_struct, text, flags=re.S)
    for one in filter(None, (" ".join(d.split()) for d in text.split(";"))):
        # A callback type, a function, or an opaque struct; what parameters are called does not matter.
        name = re.search(r"\(\*(\w+)\)", one) or re.search(r"(\w+) ?\(", one) or re.search(r"(\w+)$", one)
        without_names = re.sub(r"\b\w+(?= ?[,)])", "", re.sub(r"\(\*\w+\)", "(*)", one))
        others[name.group(1)] = without_names.replace(" ", "")
    return enumerators, structs, others


def grown(old, new):
    """What is wrong with a struct's new fields, or None."""
    for i, was in enumerate(old):
        if i >= len(new):
            return f"field {was[1]} is gone"
        reused = was[1] == "reserved" and was[0] in FOUR_BYTES and new[i][0] in FOUR_BYTES
        if new[i] != was and not (reused and "[" not in new[i][1]):
            return f"field {i} was '{' '.join(was)}' and is '{' '.join(new[i])}'"
    return None


def suppressions(old, new):
    opaque = [name for name, text in new[2].items() if text == f"typedefstruct{name}{name}"]
    changed = [name for name, fields in old[1].items() if new[1][name] != fields]
    return "".join(f"[suppress_type]\n  type_kind = struct\n  name = {name}\n" for name in opaque + changed)


def differences(old, new):
    """What a program that was compiled with `old` would stumble over, a sentence each."""
    bad = []
    for name, value in old[0].items():
        if new[0].get(name) != value:
            bad.append(f"enumerator {name} was {value} and is {new[0].get(name, 'gone')}")
    for name, fields in old[1].items():
        wrong = grown(fields, new[1][name]) if name in new[1] else "is gone"
        if wrong:
            bad.append(f"struct {name}: {wrong}")
    for name, text in old[2].items():
        if name not in new[2]:
            bad.append(f"{name} is gone")
        elif new[2][name] != text:
            bad.append(f"{name} is declared otherwise")
    return bad


def main():
    old, new = (declarations(path, sys.argv[3]) for path in sys.argv[1:3])
    bad = differences(old, new)
    if not bad and len(sys.argv) > 4:
        with open(sys.argv[4], "w") as file:
            file.write(suppressions(old, new))
    counts = [len(part) for part in old]
    print("\n".join(bad) or "the header is compatible: {} enumerators, {} structs, {} others".format(*counts))
    return bool(bad) or min(counts) < 15


if __name__ == "__main__":
    sys.exit(main())
