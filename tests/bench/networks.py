#!/usr/bin/env python3
"""Networks here and in other engines, on the same weights, interleaved; writes a table in Markdown.

    networks.py BUILD [--work DIR] [--out FILE] [--rounds 5] [--threads 2] [--networks a,b] [--engines a,b] [--force]

BUILD is a build folder with tests. The first run makes DIR (default bench_work): a virtual environment with onnxruntime,
openvino, ncnn and pnnx from the package index, and networks with seeded weights made by the torch and torchvision of
PYTHON (default /usr/bin/python3; Debian's python3-torchvision), which is measured as well. A busy machine is refused
unless --force; the peak of fused multiply-adds is probed before and after, and stands in the table.
"""
import os
import platform
import statistics
import sys

from bench_common import load_before, parser_of, run, write

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = os.environ.get("PYTHON", "/usr/bin/python3")
# name: layer, side, GFLOP of the convolutions
NETWORKS = {"resnet18": ("layer3", 256, 3.66), "wide_resnet50_2": ("layer3", 256, 24.0),
            "efficientnet_b4": ("level7", 380, 8.78)}
ENGINES = ["onnxruntime", "openvino", "ncnn", "torch", "torch_optimized"]
RUNS = {"resnet18": 20, "wide_resnet50_2": 6, "efficientnet_b4": 6}


def fields(line):
    """'a 1 b 2' as a dictionary."""
    words = line.split()
    return dict(zip(words[::2], words[1::2]))


def prepare(build, work, names):
    """The virtual environment and the networks, unless they are there."""
    python = os.path.join(work, "peers", "bin", "python")
    if not os.path.exists(python):
        run(sys.executable, "-m", "venv", os.path.join(work, "peers"))
        run(python, "-m", "pip", "install", "-q", "onnxruntime", "openvino", "ncnn", "pnnx", "numpy")
    for name in names:
        path, size = os.path.join(work, name), NETWORKS[name][1]
        if not os.path.exists(path + ".onnx"):
            run(PYTHON, os.path.join(HERE, "make_peer_networks.py"), name, str(size), work)
        if not os.path.exists(path + ".safetensors"):
            run(os.path.join(build, "examples", "adfeat", "adfeat"), "convert", path + ".pth", "-o",
                path + ".safetensors")
        if not os.path.exists(path + ".ncnn.bin"):
            run(os.path.join(work, "peers", "bin", "pnnx"), name + ".pt", f"inputshape=[1,3,{size},{size}]", "fp16=0",
                cwd=work)
    return python


def measure(engine, name, args, python, runs):
    """One process of one engine."""
    layer, size, _ = NETWORKS[name]
    features = os.path.join(args.work, name + ".features")
    if engine == "adfeat":
        line = run(os.path.join(args.build, "tests", "bench", "bench_network"), name,
                   os.path.join(args.work, name + ".safetensors"), layer, str(size), str(args.threads), str(runs),
                   features)
    else:
        line = run(PYTHON if engine.startswith("torch") else python, os.path.join(HERE, "peer_network.py"), engine,
                   name, str(size), args.work, str(args.threads), str(runs), features)
    return fields(line)


def peak(args):
    return float(run(os.path.join(args.build, "tests", "bench", "fma_peak"), str(args.threads)))


def cpu():
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.split(":")[1].strip()
    return platform.machine()


def table(name, args, python, engines):
    """Lines of one network's table."""
    got = {engine: [] for engine in engines}
    for _ in range(args.rounds):
        for engine in engines:
            got[engine].append(measure(engine, name, args, python, RUNS[name]))
    layer, size, gflop = NETWORKS[name]
    lines = [f"### {name} to {layer} at {size}", "",
             "| engine | ms, median of rounds | rounds' spread | ratio to it | fastest ms | ratio of fastest | GFLOP/s | "
             "peak MiB | difference |", "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"]
    ours = statistics.median(float(r["median_ms"]) for r in got["adfeat"])
    fastest = {engine: min(float(r["fastest_ms"]) for r in rounds) for engine, rounds in got.items()}
    for engine in engines:
        ms = [float(r["median_ms"]) for r in got[engine]]
        mid = statistics.median(ms)
        lines.append(f"| {engine} | {mid:.2f} | {min(ms):.2f} to {max(ms):.2f} | {ours / mid:.3f} | "
                     f"{fastest[engine]:.2f} | {fastest['adfeat'] / fastest[engine]:.3f} | {1e3 * gflop / mid:.0f} | {max(float(r['peak_mib']) for r in got[engine]):.0f} | "
                     f"{got[engine][-1].get('difference', '')} |")
    return lines + [""]


def main():
    parser = parser_of(__doc__, ("build",), 5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--networks", default=",".join(NETWORKS))
    parser.add_argument("--engines", default=",".join(ENGINES))
    args = parser.parse_args()
    args.work = os.path.abspath(args.work)
    os.makedirs(args.work, exist_ok=True)
    names = args.networks.split(",")
    python = prepare(args.build, args.work, names)
    load = load_before(args.force)
    before = peak(args)
    engines = ["adfeat"] + [e for e in args.engines.split(",") if e]
    lines = []
    for name in names:
        lines += table(name, args, python, engines)
    after = peak(args)
    versions = run(python, "-m", "pip", "list", "--format=freeze").split()
    versions = [v for v in versions if v.split("==")[0] in ("onnxruntime", "openvino", "ncnn")]
    versions.append("torch==" + run(PYTHON, "-c", "import torch; print(torch.__version__)").strip())
    head = [f"{cpu()}, {args.threads} threads, {args.rounds} rounds, load before {load:.2f}; fused multiply-adds "
            f"{before:.0f} GFLOP/s before, {after:.0f} after; {', '.join(versions)}.", ""]
    write(head + lines, args.out)


main()
