#!/usr/bin/env python3
"""Does README.md print what the program prints? Runs its commands on the parts of its picture, with
the weights of a ResNet-18 if they are there. Numbers may differ by a hundredth, seconds by any.
usage: test_readme_commands.py SOURCE FOLDER_OF_ADFEAT MAKE_PARTS SHARED"""
import os
import re
import subprocess
import sys
import tempfile

SKIPPED = 77
NUMBER = re.compile(r"(?<![\w/.])\d+(?:\.\d+)?(?![\w/])")


def shown(text):
    """[(command, lines that follow it)] of the README's first block with commands."""
    commands = []
    for line in re.search(r"(?:^ {4}.*\n)+", text, flags=re.M).group(0).splitlines():
        if line.startswith("    $ "):
            commands.append((line[6:], []))
        else:
            commands[-1][1].append(line[4:])
    return commands


def alike(wanted, got):
    """The same words, and numbers within a hundredth; the seconds of a run are nobody's promise."""
    wanted, got = (re.sub(r"in [0-9.]+ s\b", "in a while", line) for line in (wanted, got))
    if NUMBER.sub("#", wanted) != NUMBER.sub("#", got):
        return False
    pairs = zip(NUMBER.findall(wanted), NUMBER.findall(got))
    return all(abs(float(a) - float(b)) <= 0.01 * float(a) for a, b in pairs)


def main(source, folder, make_parts, shared):
    assert alike("x 5.825 in 2 s", "x 5.83 in 31.5 s") and not alike("x 5.8", "x 5.9")
    assert not alike("x 5.8", "y 5.8") and not alike("x 5.8", "x 5.8 5.8")
    weights = os.path.join(shared, "weights", "resnet18_imagenet_folded.safetensors")
    if not os.path.exists(weights):
        print("there is no %s here" % weights)
        return SKIPPED
    with open(os.path.join(source, "README.md"), encoding="utf-8") as file:
        commands = shown(file.read())
    environment = dict(os.environ, PATH=folder + os.pathsep + os.environ["PATH"])
    wrong = 0 if len(commands) >= 3 else 1
    with tempfile.TemporaryDirectory() as work:
        subprocess.run([make_parts, "parts", "1"], cwd=work, check=True)
        os.symlink(os.path.abspath(weights), os.path.join(work, "resnet18.safetensors"))
        for command, wanted in commands:
            done = subprocess.run(command, shell=True, cwd=work, env=environment, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            # A summary goes to either stream; what the README leaves out is after what it shows.
            got = [line for line in (done.stderr + done.stdout).splitlines() if line[:1] != "#"]
            got += [""] * (len(wanted) - len(got))
            if done.returncode or not wanted or not all(map(alike, wanted, got)):
                print("%s\n  README: %s\n  program: %s" % (command, wanted, got))
                wrong += 1
    print("%d commands, %d wrong" % (len(commands), wrong))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
