#!/usr/bin/env python3
"""What bench_network does, in another engine.

    peer_network.py ENGINE NETWORK SIZE FOLDER THREADS RUNS FEATURES

ENGINE is torch (eager), torch_optimized (optimize_for_inference), onnxruntime, openvino or ncnn; FOLDER holds what
make_peer_networks.py and, for ncnn, pnnx wrote. Prints the fastest and the median run in ms and the process' largest
resident size; writes the features to FEATURES as bench_network does, and says how far they are from what is there if
FEATURES exists.
"""
import os
import resource
import sys
import time

import numpy as np

MEAN, STD = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


def noise(side):
    """bench_network's image, normalised, NCHW."""
    values, state = np.empty(3 * side * side, np.uint8), 1
    for i in range(values.size):
        state = (state * 1664525 + 1013904223) & 0xFFFFFFFF
        values[i] = state >> 24
    image = values.reshape(side, side, 3).astype(np.float32) / np.float32(255)
    return np.ascontiguousarray(((image - MEAN) / STD).transpose(2, 0, 1)[None])


def runner(engine, path, threads, x):
    """A function that runs the network on x and gives its result."""
    if engine.startswith("torch"):
        import torch
        torch.set_num_threads(threads)
        net, tensor = torch.jit.load(path + ".pt").eval(), torch.from_numpy(x)
        if engine == "torch_optimized":
            net = torch.jit.optimize_for_inference(torch.jit.freeze(net))

        def run():
            with torch.inference_mode():
                return net(tensor).numpy()
        return run
    if engine == "onnxruntime":
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(path + ".onnx", options, providers=["CPUExecutionProvider"])
        return lambda: session.run(None, {"x": x})[0]
    if engine == "openvino":
        import openvino
        core = openvino.Core()
        model = core.read_model(path + ".onnx")
        model.reshape([1, *x.shape[1:]])
        compiled = core.compile_model(model, "CPU", {"INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY",
                                                     "INFERENCE_PRECISION_HINT": "f32"})
        request = compiled.create_infer_request()
        return lambda: request.infer({0: x})[0]
    if engine == "ncnn":
        import ncnn
        net = ncnn.Net()
        net.opt.num_threads = threads
        net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = False
        net.opt.use_bf16_storage = False
        net.load_param(path + ".ncnn.param")
        net.load_model(path + ".ncnn.bin")
        mat = ncnn.Mat(x[0])

        def run():
            extractor = net.create_extractor()
            extractor.input("in0", mat)
            return np.array(extractor.extract("out0")[1])[None]
        return run
    raise SystemExit(f"no engine is called {engine}")


def main():
    engine, name, size, folder, threads, runs, features = sys.argv[1:8]
    x = noise(int(size))
    run = runner(engine, os.path.join(folder, name), int(threads), x)
    for _ in range(2):
        y = run()
    times = []
    for _ in range(int(runs)):
        before = time.perf_counter()
        y = run()
        times.append(1e3 * (time.perf_counter() - before))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"fastest_ms {min(times):.3f} median_ms {sorted(times)[len(times) // 2]:.3f} peak_mib {peak:.1f}", end="")
    y = np.ascontiguousarray(np.asarray(y)[0].transpose(1, 2, 0), np.float32)
    if os.path.exists(features):
        other = np.fromfile(features, np.float32).reshape(y.shape)
        print(f" difference {np.abs(other - y).max() / np.abs(other).max():.2e}", end="")
    else:
        y.tofile(features)
    print()


main()
