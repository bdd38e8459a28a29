#!/usr/bin/env python3
"""The man page has every command and option that the program's --help has, and no other; its
section METHODS is what the program says of the methods' options; and it can be formatted without a
warning.

usage: test_man.py ADFEAT PAGE [--update]      --update writes the section METHODS anew
"""
import re
import shutil
import subprocess
import sys

BEGIN = '.\\" What follows is written by tests/examples/test_man.py --update.\n'
END = '.\\" That was written by tests/examples/test_man.py --update.\n'

adfeat, page = sys.argv[1:3]
with open(page) as file:
    source = file.read()
bad = []


def output(*words):
    return subprocess.run([adfeat, *words], check=True, capture_output=True, text=True).stdout


def escaped(text):
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\\&" + text if text[:1] in (".", "'") else text


def rows(text):
    """Head and text of rows of two columns; what is too long goes on in the second."""
    for head, first, more in re.findall(r"^  (\S+)(?: +(\S.*))?\n((?: {9,}.*\n)*)", text, re.M):
        yield head, " ".join([first, *more.split()]).strip()


def section_of_methods():
    """As the program's help has it, which is the library's table."""
    lines = []
    listed = re.compile(r"^(\w+)\n  source +(.*)\n  needs +(.*)$", re.M)
    for method, paper, needs in listed.findall(output("fit", "--list")):
        lines += [f".SS {method}", escaped(paper + "."), f"Needs {escaped(needs)}."]
        for head, says in rows(output("fit", method, "--help").partition("KEY=VALUE")[2]):
            key, equals, default = head.partition("=")
            option = f'.BR {key}= "{escaped(default)}"' if equals else f".B \\-\\-preset {key}"
            lines += [".TP", option, escaped(says)]
    return "\n".join(lines) + "\n"


head, begin, rest = source.partition(BEGIN)
written, end, tail = rest.partition(END)
wanted = section_of_methods()
if "--update" in sys.argv:
    with open(page, "w") as file:
        file.write(head + BEGIN + wanted + END + tail)
    sys.exit()
if not (begin and end and wanted.count(".SS ") >= 6 and wanted.count(".TP") > 150):
    bad.append("METHODS is not there, or the program says little of its methods")
elif written != wanted:
    bad.append("METHODS is not what 'adfeat fit METHOD --help' says: --update writes it anew")


def options(text):
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])(?![\w-])", text))


def help_of(*command):
    """Without its examples, which may name options of other commands."""
    return re.sub(r"\nexamples:\n(  .*\n)*", "\n", output(*command, "--help"))


def compare(what, in_help, in_page):
    bad.extend(f"{what}: {name} is in --help, not in the page" for name in sorted(in_help - in_page))
    bad.extend(f"{what}: {name} is in the page, not in --help" for name in sorted(in_page - in_help))


# Text without requests and escapes; an option is described where it heads a paragraph, after .TP.
text = re.sub(r'\\f.|"', "", source.replace(r"\-", "-"))
sections = dict(re.findall(r"^\.SH ([A-Z ]+)\n(.*?)(?=^\.SH |\Z)", text, re.M | re.S))
commands = dict(re.findall(r"^\.SS (\w+)\n(.*?)(?=^\.SS |\Z)", sections["COMMANDS"], re.M | re.S))
listed = re.search(r"^commands:\n(.*?)\n\n", help_of(), re.M | re.S).group(1)
in_help = set(re.findall(r"^  (\w+) ", listed, re.M))
compare("commands", in_help, set(commands))
compare("SYNOPSIS", in_help, set(re.findall(r"adfeat (\w+)", sections["SYNOPSIS"])))
count = 0
for name in sorted(in_help & set(commands)):
    described = options(" ".join(re.findall(r"^\.TP\n(.*)", commands[name], re.M)))
    compare(name, options(help_of(name)) - {"--help", "-h"}, described)
    count += len(described)
compare("OPTIONS", options(help_of()) - set().union(*map(options, commands.values())) | {"-h"},
        options(sections["OPTIONS"]))

# Formatting: whatever formatter is here says what it thinks.
formatters = {"groff": ["groff", "-man", "-Tutf8", "-ww", page],
              "mandoc": ["mandoc", "-T", "utf8", "-W", "warning", page],
              "man": ["man", "--warnings=all", "-l", page]}
found = [name for name in formatters if shutil.which(name)]
for name in found:
    result = subprocess.run(formatters[name], capture_output=True, text=True)
    if result.returncode or result.stderr or "EXIT STATUS" not in re.sub("\x1b\\[[0-9]*m|.\x08", "", result.stdout):
        bad.append(f"{name}: exit code {result.returncode}, {result.stderr.strip()}")

by = ", ".join(found) or "nothing: there is no formatter here"
print("\n".join(bad) or f"{len(in_help)} commands, {count} options; formatted by {by}")
sys.exit(bool(bad) or count < 15)
