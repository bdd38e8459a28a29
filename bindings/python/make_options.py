#!/usr/bin/env python3
"""What editors and type checkers know of methods and their options, from the C library's tables:
writes adfeat/method_options.py, and the overloads of fit(), Fitter() and Student() into the files
where those are. Needs the library (a build, or $ADFEAT_LIBRARY).

usage: python3 bindings/python/make_options.py [--check]

--check writes nothing, and fails where the files are not those of the library."""
import os
import re
import sys
import textwrap
import types

from make_abi import wrapped

HERE = os.path.dirname(os.path.abspath(__file__))

COMMAND = "python3 bindings/python/make_options.py"
COLUMNS = 100
DEFAULT, DEFAULT_STUDENT = "gaussian", "stfpm"  # where fit() or Student() are not told a method

HEAD = '''# Written by %s from the C library's tables: do not edit.
"""The options of each method, for type checkers and editors: what fit(), Fitter() and Student()
take.

    options: PadimOptions = {"size": 256, "blur_sigma": 2}
    scorer = adfeat.fit(net, "screws", "padim", **options)

adfeat.methods() gives the same as it is in the library that is loaded."""
from __future__ import annotations

import os
from typing import Literal, Optional, Sequence, TypedDict, Union

''' % COMMAND

READING = '''
class ReadOptions(TypedDict, total=False):
    """How files are read; see read_image()."""

    orientation: Optional[Literal["auto", "upright", "raw"]]
    significant_bits: Optional[int]
'''


def literal(words):
    return "Literal[%s]" % ", ".join('"%s"' % word for word in words)


def type_of(option):
    """What may be given for it, beside None."""
    words = [literal(option.words)] if option.words else []
    if option.kind == "choice":
        return words[0]
    if option.kind == "integer" and (option.low, option.high) == (0, 1):
        return "bool, int"
    kinds = {"integer": "int", "seed": "int", "bytes": "int", "real": "float",
             "layers": "str, Sequence[str]", "triple": "str, Sequence[float]"}
    if option.kind == "text":
        return "str" if words else 'str, "os.PathLike[str]", Sequence[float]'
    return ", ".join([kinds[option.kind]] + words)


def line(key, kinds):
    """A key of a TypedDict."""
    single = "," not in re.sub(r"\[[^]]*\]", "", kinds)
    head = "    %s: %s[" % (key, "Optional" if single else "Union")
    parts = re.findall(r"(?:\[[^]]*\]|[^,\[])+", kinds) + ([] if single else ["None"])
    text = wrapped(head, [part.strip() for part in parts], "]")
    if max(map(len, text.splitlines())) <= COLUMNS:
        return text
    return wrapped(head, re.sub(r"\s+", " ", ", ".join(map(str.strip, parts))).split(", "), "]")


def field(key, kinds, says):
    """The same, and what it means as an editor shows it."""
    doc = textwrap.fill('"""%s."""' % says, COLUMNS, initial_indent="    ",
                        subsequent_indent="    ")
    return line(key, kinds) + doc + "\n"


def described(option):
    says = option.says[0].upper() + option.says[1:]
    return says + ("; default %s" % option.default if option.default else "")


def typed_dict(name, base, doc, method, options):
    text = '\n\nclass %s(%s, total=False):\n    """%s"""\n\n' % (name, base, doc)
    if method.presets:
        text += field("preset", literal(method.presets),
                      "Several settings at once, which other options change")
    for option in options:
        text += field(option.key, type_of(option), described(option))
    return text


def name_of(method):
    return "".join(part.capitalize() for part in method.name.split("_"))


def is_student(option):
    """Whether it says what a student is."""
    return "student" in option.parts


def is_training(option):
    """Whether it may be given together with a student that there is."""
    return "student" not in option.parts or "training" in option.parts


def trained(methods):
    return [method for method in methods.values() if method.trains]


def union(name, doc, methods, belongs):
    """The options of several methods together."""
    kinds = {"preset": [literal(preset for method in methods for preset in method.presets)]}
    for method in methods:
        for option in filter(belongs, method.options.values()):
            kinds.setdefault(option.key, []).append(type_of(option))
    text = '\n\nclass %s(%s, total=False):\n    """%s"""\n\n' % (
        name, "ReadOptions" if belongs is is_training else "TypedDict", doc)
    return text + "".join(line(key, ", ".join(dict.fromkeys(found)))
                          for key, found in kinds.items())


def options_file(methods):
    common = [option for option in methods[DEFAULT].options.values()
              if option.parts == ("preprocess",)]
    text = HEAD + wrapped("MethodName = Literal[", map('"%s"'.__mod__, methods), "]")
    text += wrapped("StudentMethodName = Literal[",
                    ['"%s"' % method.name for method in trained(methods)], "]") + "\n" + READING
    text += '\n\nclass PreprocessOptions(TypedDict, total=False):\n'
    text += '    """From the image to the network\'s input."""\n\n'
    text += "".join(field(option.key, type_of(option), described(option)) for option in common)
    for method in methods.values():
        options = list(method.options.values())
        text += typed_dict(name_of(method) + "Options", "ReadOptions", "Of %s." % method.name,
                           method, options)
        if method.trains:
            text += typed_dict(name_of(method) + "StudentOptions", "TypedDict",
                               "Of a student of %s." % method.name, method,
                               filter(is_student, options))
            text += typed_dict(name_of(method) + "TrainingOptions", "ReadOptions",
                               "Of %s with a student that there is." % method.name, method,
                               filter(is_training, options))
    text += union("AnyStudentOptions", "Of a student of any method.", trained(methods), is_student)
    return text + union("AnyTrainingOptions", "Of a training of any method.", trained(methods),
                        is_training)


def overload(name, arguments, result, indent=0, decorator=""):
    pad = " " * indent
    return pad + "@overload\n" + (pad + decorator + "\n" if decorator else "") + \
        wrapped(pad + "def %s(" % name, arguments, ")\0->\0%s:\0..." % result)


def options_argument(kind):
    return "**options: Unpack[of.%sOptions]" % kind


def fit_overloads(methods):
    text = ""
    for method in methods.values():
        text += overload("fit", [
            "backbone: Union[Backbone, Path]", "images: Images",
            "method: " + literal([method.name]) + (' = "%s"' % DEFAULT if method.name == DEFAULT
                                                   else ""),
            "*", "progress: Optional[Progress] = None", 'format: str = "rgb"']
            + ["train: Optional[Train] = None", "checkpoint_dir: Optional[Path] = None",
               "resume: bool = False"] * method.trains
            + ["skip_damaged: bool = False", options_argument(name_of(method))], "Scorer")
    return text


def fitter_overloads(methods):
    text = ""
    for method in methods.values():
        text += overload("__init__", [
            "self", "backbone: Backbone", "method: " + (
                "Optional[%s] = None" % literal([DEFAULT]) if method.name == DEFAULT
                else literal([method.name])), options_argument(name_of(method))], "None", 4)
    for method in trained(methods):
        text += overload("__init__", [
            "self", "backbone: Student", "method: " + literal([method.name]),
            options_argument(name_of(method) + "Training")], "None", 4)
    return text + overload("__init__", ["self", "backbone: Student", "method: None = None",
                                        options_argument("AnyTraining")], "None", 4)


def student_overloads(methods):
    text = ""
    for method in trained(methods):
        text += overload("__init__", [
            "self", "teacher: Backbone", "method: " + literal([method.name])
            + (' = "%s"' % DEFAULT_STUDENT if method.name == DEFAULT_STUDENT else ""),
            options_argument(name_of(method) + "Student")], "None", 4)
    return text


def load_overloads(methods):
    arguments = ["cls", "path: Path", "teacher: Backbone"]
    text = "".join(overload("load", arguments + ["method: " + literal([method.name]),
                                                 options_argument(name_of(method) + "Student")],
                            '"Student"', 4, "@classmethod") for method in trained(methods))
    arguments += ["method: None = None", options_argument("AnyStudent")]
    return text + overload("load", arguments, '"Student"', 4, "@classmethod")


#: the file, and what stands in it before the overloads
REGIONS = {"fit": ("adfeat/fitting.py", fit_overloads),
           "Fitter": ("adfeat/fitting.py", fitter_overloads),
           "Student": ("adfeat/student.py", student_overloads),
           "Student.load": ("adfeat/student.py", load_overloads)}


def with_region(text, name, overloads):
    """The file with the overloads between its two marks."""
    begin = "# Overloads of %s, written by %s:\n" % (name, COMMAND)
    match = re.search("( *)" + re.escape(begin) + ".*?\\1# to here\n", text, re.S)
    if not match:
        raise SystemExit("there is no line '%s'" % begin.strip())
    made = match[1] + begin + overloads + match[1] + "# to here\n"
    return text[:match.start()] + made + text[match.end():]


def files(methods):
    """{path from this folder: text}"""
    made = {"adfeat/method_options.py": options_file(methods)}
    for name, (path, overloads) in REGIONS.items():
        if path not in made:
            with open(os.path.join(HERE, path), encoding="utf-8") as file:
                made[path] = file.read()
        made[path] = with_region(made[path], name, overloads(methods))
    return made


def read_methods():
    """adfeat.methods(), without the files that this script writes into, and without NumPy."""
    package = sys.modules["adfeat"] = types.ModuleType("adfeat")
    package.__path__ = [os.path.join(HERE, "adfeat")]
    from adfeat.method_table import methods

    return methods()


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    made = files(read_methods())
    for name, text in made.items():
        path = os.path.join(HERE, name)
        if not arguments:
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            continue
        with open(path, encoding="utf-8") as file:
            if file.read() != text:
                sys.exit("bindings/python/%s is not what the library's tables give: run %s"
                         % (name, COMMAND))
    print("%s: %s" % (" ".join(made), "as the library" if arguments else "written"))


if __name__ == "__main__":
    main(sys.argv[1:])
