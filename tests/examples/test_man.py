#!/usr/bin/env python3
"""The man page has every command and option that the program's --help has, and no other; and it can be
formatted without a warning.

usage: test_man.py ADFEAT PAGE
"""
import re
import shutil
import subprocess
import sys

adfeat, page = sys.argv[1:3]
with open(page) as file:
    source = file.read()
bad = []


def options(text):
    return set(re.findall(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])(?![\w-])", text))


def help_of(*command):
    """Without its examples, which may name options of other commands."""
    text = subprocess.run([adfeat, *command, "--help"], check=True, capture_output=True, text=True).stdout
    return re.sub(r"\nexamples:\n(  .*\n)*", "\n", text)


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
