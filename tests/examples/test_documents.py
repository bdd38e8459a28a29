#!/usr/bin/env python3
"""Are the documents true where a program can tell? Links lead somewhere, files that are named
exist, figures of README.md are measured ones, its C program is an example, and it stays short.
Options of the program, names of the Python package and words of the methods' page are there.
usage: test_documents.py SOURCE"""
import os
import re
import sys
import tempfile

MAX_LINES = 160  # of README.md: it is the front door; what is longer belongs into a folder
MAX_PICTURE = 100 * 1024
FIGURES = "tests/accuracy/results.md"
PROGRAM = "examples/first_scorer.c"
MANUAL = "examples/adfeat/adfeat.1"
PACKAGE = "bindings/python/adfeat/__init__.py"
METHODS = "lib/methods/README.md"
NAMED = re.compile(r"(?:backends|bindings|examples|include|lib|pkgconfig|tests)/[\w.][\w./-]*")


def documents(root):
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in ("build", "shared") and f[0] != ".")
        yield from (os.path.join(folder, f) for f in sorted(files) if f.endswith(".md"))


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def prose(text):
    """The text without its code blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def anchors(text):
    """What a host makes of headings."""
    found = re.findall(r"^#+ +(.*)$", prose(text), flags=re.M)
    return {re.sub(r"[^a-z0-9 _-]", "", heading.lower()).replace(" ", "-") for heading in found}


def links(path):
    """What is wrong with the links of a document, and with the files that it names in backticks."""
    root = os.path.dirname(path)
    while root != os.path.dirname(root) and not os.path.exists(os.path.join(root, "include")):
        root = os.path.dirname(root)
    text = prose(read(path))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        there = os.path.normpath(os.path.join(os.path.dirname(path), name)) if name else path
        if not os.path.exists(there):
            yield "the link %s leads nowhere" % target
        elif anchor and anchor not in anchors(read(there)):
            yield "%s has no heading #%s" % (name or "the document", anchor)
    for piece in re.findall(r"`([^`\n]+)`", text):
        name = NAMED.match(piece)
        # A name with a placeholder, such as lib/<op>.c, stands for several.
        if name and not re.search(r"[<*{]", piece.split()[0]):
            if not os.path.exists(os.path.join(root, name.group(0))):
                yield "there is no %s" % name.group(0)


def code(text):
    """Code spans and blocks."""
    yield from re.findall(r"`([^`\n]+)`", prose(text))
    yield from re.findall(r"(?:^ {4,}.*\n)+", text, flags=re.M)
    yield from re.findall(r"^```\w*\n(.*?)^```$", text, flags=re.M | re.S)


def names(path, root):
    """What a document names that is not there: options of the program, the package's names."""
    options = read(os.path.join(root, MANUAL)).replace("\\-", "-")
    package = read(os.path.join(root, PACKAGE))
    if path.endswith("CHANGELOG.md"):
        return  # what was there once
    for piece in code(read(path)):
        for line in piece.replace("\\\n", " ").split("\n"):
            if re.match(r"[$ ]*adfeat ", line):
                for option in re.findall(r"(?<= )--?[a-z][a-z-]*", line):
                    if not re.search(re.escape(option) + r"(?![a-z-])", options):
                        yield "adfeat has no option " + option
        for name in re.findall(r"(?<![/\w])adfeat\.([A-Za-z_]\w*)", piece):
            if not re.search(r"\b%s\b" % name, package) and name not in ("h", "pc", "convert"):
                yield "the package has no adfeat." + name


def methods(root):
    """Words in the page of methods that no source of the library has."""
    sources = ""
    for folder, _, files in sorted(os.walk(os.path.join(root, "lib"))):
        for name in sorted(files):
            if name.endswith((".c", ".h", ".graph")):
                sources += read(os.path.join(folder, name))
    known = set(re.findall(r"\w+", sources))
    for word in re.findall(r"`([a-z]\w*)(?:[=:][^`]*)?`", read(os.path.join(root, METHODS))):
        if len(word) > 1 and word not in known:
            yield "no source of lib has the word '%s'" % word


def front(root):
    text = read(os.path.join(root, "README.md"))
    if text.count("\n") > MAX_LINES:
        yield "%d lines, not at most %d" % (text.count("\n"), MAX_LINES)
    programs = re.findall(r"^```c\n(.*?)^```$", text, flags=re.M | re.S)
    if programs != [read(os.path.join(root, PROGRAM))]:
        yield "the C program is not " + PROGRAM
    measured = set(re.findall(r"\b[01]\.\d{4}\b", read(os.path.join(root, FIGURES))))
    shown = re.findall(r"\b[01]\.\d{4}\b", text)
    if not shown:
        yield "no figures"
    for figure in sorted(set(shown) - measured):
        yield "%s is not in %s" % (figure, FIGURES)
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", text):
        if os.path.getsize(os.path.join(root, picture)) > MAX_PICTURE:
            yield "%s has more than %d bytes" % (picture, MAX_PICTURE)


def finds():
    """Each kind of mistake is found, and what is right is not."""
    with tempfile.TemporaryDirectory() as root:
        def write(name, text):
            os.makedirs(os.path.dirname(os.path.join(root, name)), exist_ok=True)
            with open(os.path.join(root, name), "w", encoding="utf-8") as file:
                file.write(text)
        write("include/adfeat.h", "")
        write(PROGRAM, "int main;\n")
        write("examples/small.png", "x")
        write("examples/large.png", "x" * (MAX_PICTURE + 1))
        write(FIGURES, "| 0.1234 |\n")
        write(MANUAL, ".BI \\-\\-data \" DIR\"\n.BR \\-o\n")
        write(PACKAGE, "from .scorer import fit\n")
        write(METHODS, "`n` and `size=2`\n")
        write("lib/a.c", "int size;\n")
        right = ("# One, two\n\n[a](#one-two) [b](include) [c](https://x.org/y) `lib/<op>.c`\n"
                 "![d](examples/small.png)\n```c\nint main;\n```\n0.1234\n"
                 "`adfeat fit --data D -o F`\n```python\nadfeat.fit(adfeat.h)\n```\n")
        page = os.path.join(root, "README.md")
        write("README.md", right)
        assert not every(root, [page]), every(root, [page])
        for change, wrong in ((("(include)", "(absent)"), "leads nowhere"),
                              (("#one-two", "#three"), "no heading"),
                              (("<op>", "op"), "there is no lib/op.c"),
                              (("main;\n```", "main()\n```"), "program"),
                              (("\n0.1234", "\n0.1235"), "0.1235 is not"),
                              (("\n0.1234", ""), "no figures"),
                              (("small", "large"), "more than"),
                              (("0.1234", "0.1234" + MAX_LINES * "\n"), "lines"),
                              (("--data", "--date"), "no option --date"),
                              (("adfeat.fit", "adfeat.fits"), "no adfeat.fits")):
            write("README.md", right.replace(*change))
            found = every(root, [page])
            assert len(found) == 1 and wrong in found[0], (change, found)
        write("README.md", right)
        write(METHODS, "`n` and `sizes=2`\n")
        assert len(every(root, [page])) == 1, every(root, [page])


def every(root, paths):
    """Everything that is wrong, a line each."""
    wrong = ["%s: %s" % (os.path.relpath(path, root), what)
             for path in paths for what in (*links(path), *names(path, root))]
    wrong += ["README.md: " + what for what in front(root)]
    return wrong + ["%s: %s" % (METHODS, what) for what in methods(root)]


def main(root):
    finds()
    paths = list(documents(root))
    wrong = every(root, paths)
    print("\n".join(wrong) or "%d documents" % len(paths))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(os.path.abspath(sys.argv[1])))
