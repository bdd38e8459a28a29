"""What the benchmarks share: commands that must succeed, and a machine that is not busy."""
import argparse
import os
import subprocess

QUIET = 0.3  # load above which nothing is reported


def run(*command, **settings):
    """Standard output of a command that must succeed."""
    done = subprocess.run(command, capture_output=True, text=True, **settings)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def parser_of(doc, names, rounds):
    """Of a benchmark's arguments: `names`, where it works, where its table goes, and how often it measures."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in names:
        parser.add_argument(name)
    parser.add_argument("--work", default="bench_work")
    parser.add_argument("--out")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--force", action="store_true")
    return parser


def load_before(force):
    """The machine's load; a busy one is refused unless forced."""
    load = os.getloadavg()[0]
    if load > QUIET and not force:
        raise SystemExit(f"the load is {load:.2f}: times would say little; wait, or --force")
    return load


def write(lines, path):
    """To the standard output, and to a file where one is asked for."""
    text = "\n".join(lines).rstrip("\n") + "\n"
    print(text)
    if path:
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
