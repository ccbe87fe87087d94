"""Makes wan_dit_tiny.safetensors: a tiny Wan transformer of diffusers, what went in, what came out
and the gradient of every parameter for the loss mean(output * loss_weights).

The weights are random, norms and modulations too, so that no factor is trivially 1 or 0, and are
stored under the original checkpoint's names. The patch (1, 2, 4) and the channel counts 3 -> 5 are
unequal on purpose: a permutation that is wrong shows.

Two parts of diffusers are not Wan's and are handled apart:
  - the time features are fp32 in diffusers and fp64 in the original; the run stored here is fed
    the fp64 features, and diffusers' own are stored as `time_features_diffusers`;
  - the rotation is fp32 in diffusers and fp64 in the original: a difference of rounding only. Its
    split of the table, head_dim // 3, is wrong where that is odd, at 64 for instance; 20 is fine.

Usage: python make_wan_golden.py [OUTPUT.safetensors]     (packages: requirements.txt)
"""

import json
import math
import pathlib
import sys

import diffusers
import torch
from safetensors.torch import save_file

SEED = 20250701
NUM_HEADS, HEAD_DIM, NUM_LAYERS, FFN_DIM = 2, 20, 2, 48
FREQ_DIM, TEXT_DIM, TEXT_LEN = 32, 20, 6
IN_CHANNELS, OUT_CHANNELS, PATCH = 3, 5, (1, 2, 4)
EPS = 1e-3  # not Wan's 1e-6, which is too small to show whether it is used

# diffusers' name -> the original checkpoint's name, longest match first.
RENAMES = [
    ("condition_embedder.time_embedder.linear_1.", "time_embedding.0."),
    ("condition_embedder.time_embedder.linear_2.", "time_embedding.2."),
    ("condition_embedder.time_proj.", "time_projection.1."),
    ("condition_embedder.text_embedder.linear_1.", "text_embedding.0."),
    ("condition_embedder.text_embedder.linear_2.", "text_embedding.2."),
    (".attn1.to_out.0.", ".self_attn.o."),
    (".attn2.to_out.0.", ".cross_attn.o."),
    (".attn1.to_", ".self_attn."),
    (".attn2.to_", ".cross_attn."),
    (".attn1.", ".self_attn."),
    (".attn2.", ".cross_attn."),
    (".norm2.", ".norm3."),
    (".ffn.net.0.proj.", ".ffn.0."),
    (".ffn.net.2.", ".ffn.2."),
    ("proj_out.", "head.head."),
    (".scale_shift_table", ".modulation"),
]


def original_name(name):
    if name == "scale_shift_table":
        return "head.modulation"
    for ours, theirs in RENAMES:
        name = name.replace(ours, theirs)
    return name


def time_features(t):
    """[B] -> [B, FREQ_DIM] as in the original: fp64 angles, cosines first."""
    half = FREQ_DIM // 2
    index = torch.arange(half, dtype=torch.float64)
    angle = t.double()[:, None] * torch.pow(10000.0, -index / half)
    return torch.cat([angle.cos(), angle.sin()], 1).float()


def make_model():
    model = diffusers.WanTransformer3DModel(
        patch_size=PATCH, num_attention_heads=NUM_HEADS, attention_head_dim=HEAD_DIM,
        in_channels=IN_CHANNELS, out_channels=OUT_CHANNELS, text_dim=TEXT_DIM, freq_dim=FREQ_DIM,
        ffn_dim=FFN_DIM, num_layers=NUM_LAYERS, eps=EPS,
        cross_attn_norm=True)
    for name, parameter in model.named_parameters():
        if "norm" in name and name.endswith("weight"):
            parameter.data = 1 + 0.3 * torch.randn_like(parameter)
        elif name.endswith("scale_shift_table"):
            parameter.data = 0.5 * torch.randn_like(parameter)
        elif name.endswith("bias"):
            parameter.data = 0.1 * torch.randn_like(parameter)
        else:  # twice the usual size, so that attention is far from uniform
            fan_in = parameter[0].numel()
            parameter.data = 2 / math.sqrt(fan_in) * torch.randn_like(parameter)
    return model.eval()


def record(model, tensors):
    """Stores the output of every part as the model runs."""
    def keep(name):
        def hook(_, __, output):
            tensors[name] = output.detach().clone().contiguous()
        return hook

    embedder = model.condition_embedder
    own_features = embedder.timesteps_proj.forward
    embedder.timesteps_proj.forward = time_features

    def keep_condition(_, __, output):
        tensors["e"], tensors["e0"] = output[0].clone(), output[1].unflatten(1, (6, -1)).clone()
        tensors["text"] = output[2].clone()

    embedder.register_forward_hook(keep_condition)
    model.patch_embedding.register_forward_hook(
        lambda _, __, out: tensors.update(patches=out.flatten(2).transpose(1, 2).contiguous()))
    for i, block in enumerate(model.blocks):
        block.register_forward_hook(keep(f"block.{i}"))
    return own_features


def main(path):
    torch.manual_seed(SEED)
    model = make_model()
    tensors = {}
    x = torch.randn(2, IN_CHANNELS, 3, 8, 12)  # [B, C, F, Y, X]: 3 x 4 x 3 tokens
    t = torch.tensor([937, 41])
    context = torch.randn(2, TEXT_LEN, TEXT_DIM)
    context[1, 2:] = 0  # a short prompt: its padding takes part in attention
    own_features = record(model, tensors)
    output = model(x, t, context, return_dict=False)[0]
    loss_weights = torch.randn_like(output)
    (output * loss_weights).mean().backward()
    tensors |= {"x": x, "t": t, "context": context, "output": output,
                "loss_weights": loss_weights, "time_features": time_features(t),
                "time_features_diffusers": own_features(t)}
    tensors |= {f"gradient.{original_name(name)}": parameter.grad
                for name, parameter in model.named_parameters()}
    stored = {f"golden.{name}": value.detach().contiguous() for name, value in tensors.items()}
    stored |= {original_name(name): value.contiguous()
               for name, value in model.state_dict().items()}
    # One entry: safetensors writes several in random order, and the file is to be reproducible.
    provenance = {"made_by": "tests/golden/make_wan_golden.py", "seed": SEED,
                  "torch": torch.__version__, "diffusers": diffusers.__version__}
    save_file(stored, path, {"provenance": json.dumps(provenance)})
    print(f"{path}: {pathlib.Path(path).stat().st_size} bytes, output max {output.abs().max():.3f}")


if __name__ == "__main__":
    here = pathlib.Path(__file__).parent
    main(sys.argv[1] if len(sys.argv) > 1 else str(here / "wan_dit_tiny.safetensors"))
