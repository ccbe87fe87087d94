"""SAM ViT-B's image encoder on the CPU in fp32: tessera against transformers' SamModel.

Random weights, exported once; both encode the same picture, and their answers are compared before
anything is timed. Then the two take turns on the same machine with the same number of threads, one
picture each, and the medians of the rounds are printed, by the clock and of the processor's time,
which a busy machine disturbs less. Tessera runs in its own process, which waits on a pipe while the
other side works. Set OMP_WAIT_POLICY=passive, so that nobody's waiting threads take time.

Usage: compare_transformers.py PROGRAM [--rounds N] [--threads N] [--attention sdpa|eager]
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import torch
import transformers
from safetensors.torch import load_file, save_file
from segment_anything import sam_model_registry

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tests" / "golden"))
from make_sam_golden import randomise  # noqa: E402

# Meta's name -> transformers'.
RENAMES = [("image_encoder.", ""), ("patch_embed.proj.", "patch_embed.projection."),
           ("blocks.", "layers."), (".norm1.", ".layer_norm1."), (".norm2.", ".layer_norm2."),
           ("neck.0.", "neck.conv1."), ("neck.1.", "neck.layer_norm1."),
           ("neck.2.", "neck.conv2."), ("neck.3.", "neck.layer_norm2.")]


def transformers_name(name):
    for theirs, ours in RENAMES:
        name = name.replace(theirs, ours)
    return name


def make_encoder(weights, attention):
    config = transformers.SamConfig(attn_implementation=attention)
    encoder = transformers.SamModel(config).vision_encoder.eval()
    encoder.load_state_dict({transformers_name(name): value for name, value in weights.items()
                             if name.startswith("image_encoder.")})
    return encoder


def cost_of(run):
    start = time.perf_counter(), time.process_time()
    run()
    return time.perf_counter() - start[0], time.process_time() - start[1]


def summary(times):
    return f"median {statistics.median(times):6.2f} s, fastest {min(times):6.2f} s"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--attention", default="sdpa")
    options = parser.parse_args()
    load = os.getloadavg()[0]
    torch.manual_seed(20251125)
    torch.set_num_threads(options.threads)
    weights = randomise(sam_model_registry["vit_b"]()).state_dict()
    encoder = make_encoder(weights, options.attention)
    picture = torch.randn(1, 3, 1024, 1024)
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
        folder = pathlib.Path(folder)
        save_file(weights, folder / "sam.safetensors")
        save_file({"picture": picture}, folder / "answer.input")
        server = subprocess.Popen(
            [options.program, "--model", folder / "sam.safetensors", "--serve", folder / "answer",
             "--threads", str(options.threads)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if server.stdout.readline() != "ready\n":
            raise SystemExit("the program did not start")
        want = encoder(picture).last_hidden_state
        difference = (load_file(folder / "answer")["embedding"] - want).abs().max().item()
        print(f"largest difference {difference:.1e} (largest value {want.abs().max():.1f})")
        if not difference < 1e-3:
            raise SystemExit("the answers differ")

        def ours():
            server.stdin.write("run\n")
            server.stdin.flush()
            return [float(word) for word in server.stdout.readline().split()]

        ours(), encoder(picture)
        rows = [(ours(), cost_of(lambda: encoder(picture))) for _ in range(options.rounds)]
        server.stdin.close()
        server.wait()
    names = "tessera", f"transformers {transformers.__version__} ({options.attention})"
    for kind, what in enumerate(("clock", "processor time of all threads")):
        times = [[row[side][kind] for row in rows] for side in (0, 1)]
        for name, column in zip(names, times):
            print(f"{name}: {summary(column)} ({what})")
        ratios = [theirs / ours for ours, theirs in zip(*times)]
        print(f"transformers / tessera: median of the pairs {statistics.median(ratios):.2f} ({what})")
    print(f"torch {torch.__version__}, {options.threads} threads, {options.rounds} rounds, "
          f"load before and after {load:.1f} {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
