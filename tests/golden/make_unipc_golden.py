"""Makes unipc.safetensors: trajectories of the UniPC solver from two independent sources.

For each number of steps and shift, random velocities v_k are fixed and a sample is carried along:
  - `sample`: a plain transcription of the solver's definition (any order, a linear system for the
    coefficients, as Wan's code builds it), in fp32 like the original and, as `sample_fp64`, in
    fp64;
  - `sample_diffusers`: diffusers' UniPCMultistepScheduler given Wan's sigmas. Its own flow sigmas
    differ from Wan's (they end at 0.001 before the shift and start at 1 - 1e-6), so the schedule
    is injected and what is compared is the update.

Usage: python make_unipc_golden.py [OUTPUT.safetensors]     (packages: requirements.txt)
"""

import json
import pathlib
import sys

import diffusers
import numpy as np
import torch
from safetensors.torch import save_file

SEED = 20250702
CASES = [(1, 3.0), (2, 3.0), (3, 5.0), (10, 3.0), (40, 12.0), (50, 5.0)]
SHAPE = (3, 5)


def schedule(steps, shift):
    """sigmas fp32 [n + 1], timesteps int64 [n], as in Wan."""
    base = np.linspace(float(np.float32(0.999)), 0, steps + 1)[:-1]
    shifted = shift * base / (1 + (shift - 1) * base)
    return np.append(shifted, 0).astype(np.float32), (shifted * 1000).astype(np.int64)


class UniPC:
    """Order 2, B(h) = expm1(h) ("bh2"), predicts x0."""

    def __init__(self, sigmas, dtype):
        self.sigma = torch.tensor(sigmas).to(dtype)
        self.alpha = 1 - self.sigma
        self.lam = torch.log(self.alpha) - torch.log(self.sigma)
        self.dtype = dtype
        self.count = len(sigmas) - 1
        self.x0 = []  # predictions so far
        self.last_order = 0
        self.last_sample = None

    def coefficients(self, ratios, h, order):
        """Solves sum_j rho_j r_j^(i-1) = b_i, i = 1..order."""
        z = -h
        phi, factorial, rows, rhs = torch.expm1(z) / z - 1, 1, [], []
        for i in range(1, order + 1):
            rows.append(torch.stack(ratios) ** (i - 1))
            rhs.append(phi * factorial / torch.expm1(z))
            factorial *= i + 1
            phi = phi / z - 1 / factorial
        return torch.stack(rows), torch.stack(rhs)

    def ratios(self, now, h, order):
        """Earlier predictions' places relative to `now`, and their differences to it."""
        places, slopes = [], []
        for back in range(1, order):
            ratio = (self.lam[now - back] - self.lam[now]) / h
            places.append(ratio)
            slopes.append((self.x0[now - back] - self.x0[now]) / ratio)
        return places, slopes

    def advance(self, x, origin, target, order, new_x0=None):
        """From `origin` to `target`; with the target's own prediction it is the corrector."""
        h = self.lam[target] - self.lam[origin]
        places, slopes = self.ratios(origin, h, order)
        one = torch.ones((), dtype=self.dtype)
        b = torch.expm1(-h)
        out = self.sigma[target] / self.sigma[origin] * x - self.alpha[target] * b * self.x0[origin]
        if new_x0 is None:
            rho = [0.5 * one] if order == 2 else []  # the simplified coefficient of order 2
            slope_new = None
        elif order == 1:
            rho, slope_new = [0.5 * one], new_x0 - self.x0[origin]
        else:
            matrix, rhs = self.coefficients(places + [one], h, order)
            rho, slope_new = list(torch.linalg.solve(matrix, rhs)), new_x0 - self.x0[origin]
        total = sum((r * s for r, s in zip(rho, slopes)), torch.zeros_like(x))
        if slope_new is not None:
            total = total + rho[-1] * slope_new
        return out - self.alpha[target] * b * total

    def step(self, velocity, x):
        now = len(self.x0)
        prediction = x - self.sigma[now] * velocity
        if now > 0:
            x = self.advance(self.last_sample, now - 1, now, self.last_order, prediction)
        self.x0.append(prediction)
        self.last_order = min(2, self.count - now, now + 1)
        self.last_sample = x
        return self.advance(x, now, now + 1, self.last_order)


def run_plain(sigmas, velocities, x, dtype):
    solver, out = UniPC(sigmas, dtype), [x.to(dtype)]
    for velocity in velocities:
        out.append(solver.step(velocity.to(dtype), out[-1]))
    return torch.stack(out)


def run_diffusers(sigmas, timesteps, velocities, x):
    solver = diffusers.UniPCMultistepScheduler(
        prediction_type="flow_prediction", use_flow_sigmas=True, solver_order=2,
        solver_type="bh2", predict_x0=True, lower_order_final=True, final_sigmas_type="zero")
    solver.set_timesteps(len(timesteps))
    solver.sigmas, solver.timesteps = torch.tensor(sigmas), torch.tensor(timesteps)
    out = [x]
    for t, velocity in zip(solver.timesteps, velocities):
        out.append(solver.step(velocity, t, out[-1], return_dict=False)[0])
    return torch.stack(out)


def main(path):
    torch.manual_seed(SEED)
    tensors = {}
    for steps, shift in CASES:
        sigmas, timesteps = schedule(steps, shift)
        x, velocities = torch.randn(SHAPE), torch.randn(steps, *SHAPE)
        plain = run_plain(sigmas, velocities, x, torch.float32)
        exact = run_plain(sigmas, velocities, x, torch.float64)
        other = run_diffusers(sigmas, timesteps, velocities, x)
        name = f"n{steps}_shift{shift:g}"
        tensors |= {f"{name}.sigmas": torch.tensor(sigmas), f"{name}.velocities": velocities,
                    f"{name}.timesteps": torch.tensor(timesteps), f"{name}.sample": plain,
                    f"{name}.sample_fp64": exact, f"{name}.sample_diffusers": other}
        print(f"{name}: fp32 - fp64 {(plain - exact).abs().max():.2e}, "
              f"diffusers - fp64 {(other - exact).abs().max():.2e}, max {exact.abs().max():.2f}")
    # One entry: safetensors writes several in random order, and the file is to be reproducible.
    provenance = {"made_by": "tests/golden/make_unipc_golden.py", "seed": SEED,
                  "torch": torch.__version__, "diffusers": diffusers.__version__,
                  "numpy": np.__version__}
    save_file(tensors, path, {"provenance": json.dumps(provenance)})


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    main(sys.argv[1] if len(sys.argv) > 1 else str(here / "unipc.safetensors"))
