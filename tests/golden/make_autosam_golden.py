"""Makes autosam.safetensors: what AutoSAM's original g (for every HarDNet) and h compute.

No weights are stored. Weights, inputs and loss weights follow a rule that the C++ test repeats: the
i-th value of the tensor `name` is hash32(i, fnv1a(name)) / 2^31 - 1, scaled as `fill` says. Outputs
are stored thinned out; of each gradient, feature and running statistic two numbers: its norm and
its product with the rule's values for "probe." + name. All computed in fp64 from fp32 weights.

The original code is not part of this project. It is imported from a checkout of
https://github.com/talshaharabany/AutoSAM at commit 3959d72229fc61df02f70b85d7baa6c8cd5b3c44. Its
HarDNet downloads weights from a host that is gone and cannot be made without; the download and the
loading are replaced by nothing here.

Usage: python make_autosam_golden.py AUTOSAM_CHECKOUT [OUTPUT.safetensors]
       (packages: torch, numpy and safetensors of requirements.txt)
"""

import json
import pathlib
import sys

import numpy as np
import torch
from safetensors.torch import save_file

COMMIT = "3959d72229fc61df02f70b85d7baa6c8cd5b3c44"
ORDERS = {"39ds": (39, 1), "68ds": (68, 1), "68": (68, 0), "85": (85, 0)}
IMAGE = (2, 3, 64, 64)
PROMPT = (1, 256, 64, 64)  # h forces its extents, so no smaller one


def rule(name, shape):
    """fp32 values in [-1, 1) that depend on the name and the index alone."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = (seed ^ byte) * 0x01000193 & 0xFFFFFFFF
    mask = np.uint64(0xFFFFFFFF)
    x = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.uint64)
    x = (x * np.uint64(0x9E3779B9) + np.uint64(seed)) & mask
    x ^= x >> np.uint64(16)
    x = (x * np.uint64(0x21F0AAAD)) & mask
    x ^= x >> np.uint64(15)
    x = (x * np.uint64(0x735A2D97)) & mask
    x ^= x >> np.uint64(15)
    return torch.from_numpy((x.astype(np.float64) / 2**31 - 1).astype(np.float32)).reshape(shape)


def fill(module):
    """Convolutions keep the scale through a ReLU; norms are near one and zero, but none is."""
    for name, tensor in module.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        value = rule(name, tensor.shape)
        if tensor.dim() == 4:
            gain = 1.5 if name.startswith("decoder.") else 6  # few ReLUs there, and a tanh to come
            value = value * np.float32(np.sqrt(gain / tensor[0].numel()))
        elif name.endswith("running_var"):
            value = value * 0.5 + 1
        elif name.endswith("weight"):
            value = value * np.float32(0.3) + 1
        else:
            value = value * np.float32(0.1)
        tensor.copy_(value)


def probe(name, tensor):
    values = rule("probe." + name, tensor.shape).double()
    return torch.stack([tensor.norm(), (tensor * values).sum()])


def probes(named):
    """[n, 2] in the order of the sorted names."""
    return torch.stack([probe(name, tensor.detach().double()) for name, tensor in sorted(named)])


def text(lines):
    return torch.from_numpy(np.frombuffer("\n".join(lines).encode(), dtype=np.uint8).copy())


def original_generator(order, depth_wise):
    """(g, the keys of the ImageNet file of its backbone)"""
    from models import hardnet, model_single

    keys = []
    torch.hub.load_state_dict_from_url = lambda *_, **__: {}
    hardnet.HarDNet.load_state_dict = lambda self, _: keys.extend(self.state_dict())
    return model_single.ModelEmb({"order": order, "depth_wise": depth_wise}), keys


def gradients(module, output, stored, prefix):
    """Of the loss mean(output * rule); what the loss does not reach must be what is not built."""
    (output * rule("loss", output.shape).double()).mean().backward()
    reached = [(name, p.grad) for name, p in module.named_parameters() if p.grad is not None]
    stored[prefix + "gradients"] = probes(reached)
    return sum(grad.numel() for _, grad in reached)


def run_generator(name, stored):
    generator, keys = original_generator(*ORDERS[name])
    with torch.no_grad():
        fill(generator)
    generator.double()
    image = (2 * rule("image", IMAGE)).double()

    generator.eval()
    with torch.no_grad():
        features = generator.backbone(image)[:4]
        output = generator(image)
    prefix = name + "."
    stored[prefix + "features"] = probes([(f"feature{i}", f) for i, f in enumerate(features)])
    stored[prefix + "eval"] = output[:, ::32, ::4, ::4].float()
    saturated = (output.abs() > 0.99).double().mean()

    generator.train()
    output = generator(image)
    stored[prefix + "train"] = output[:, ::32, ::4, ::4].detach().float()
    live = gradients(generator, output, stored, prefix)
    buffers = [(key, value) for key, value in generator.named_buffers() if is_live(name, key)]
    stored[prefix + "buffers"] = probes(buffers)
    stored[prefix + "hardnet_keys"] = text(keys)
    stored[prefix + "decoder_keys"] = text(generator.decoder.state_dict())
    total = sum(p.numel() for p in generator.parameters())
    backbone = sum(p.numel() for p in generator.backbone.parameters())
    stored[prefix + "parameters"] = torch.tensor([live, total, backbone])
    print(f"{name}: {live} of {total} parameters live, saturated {saturated:.3f}")


def is_live(order, key):
    """Statistics of what is computed and never used are left out."""
    dead = {"85": (15, 16, 17, 18), "68": (13, 14, 15), "68ds": (13, 14, 15), "39ds": ()}[order]
    return "final.BN2" not in key and not any(f"backbone.base.{i}." in key for i in dead)


def run_surrogate(stored):
    from models import model_single

    decoder = model_single.ModelH()
    with torch.no_grad():
        fill(decoder)
    decoder.double()
    output = decoder(rule("prompt", PROMPT).double())
    stored["h.output"] = output[:, :, ::4, ::4].detach().float()
    live = gradients(decoder, output, stored, "h.")
    stored["h.parameters"] = torch.tensor([live])
    print(f"h: {live} parameters")


def main(checkout, path):
    sys.path.insert(0, checkout)
    stored = {}
    for name in ORDERS:
        run_generator(name, stored)
    run_surrogate(stored)
    provenance = {"made_by": "tests/golden/make_autosam_golden.py", "autosam": COMMIT,
                  "torch": torch.__version__}
    save_file({name: value.contiguous() for name, value in stored.items()}, path,
              {"provenance": json.dumps(provenance)})
    print(f"{path}: {pathlib.Path(path).stat().st_size} bytes")


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else str(here / "autosam.safetensors"))
