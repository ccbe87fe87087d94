"""Makes sam_tiny.safetensors: a tiny SAM of the package segment-anything, what went into its parts,
what came out, and the gradient of every parameter.

The weights are random, norms, biases and relative positions too, so that no factor is trivially 1
or 0. The grid of 5 x 5 tokens is no multiple of the window of 3: windows are padded.

    python make_sam_golden.py [OUTPUT.safetensors]     (packages: requirements.txt)
    python make_sam_golden.py --full FOLDER

The second form does the same with SAM ViT-B's true sizes and is for a folder outside the
repository (0.4 GB): the weights as an official .pth file, inputs and outputs beside it. The test
SamParity.TrueSize reads it where TESSERA_SAM_GOLDEN names the folder.
"""

import json
import math
import pathlib
import sys
from importlib import metadata

import torch
from safetensors.torch import save_file
from segment_anything import sam_model_registry
from segment_anything.modeling import (ImageEncoderViT, MaskDecoder, PromptEncoder, Sam,
                                       TwoWayTransformer)

SEED = 20251125
IMAGE, PATCH, DIM, HEADS, MLP, WINDOW = 40, 8, 16, 2, 40, 3
PROMPT_DIM, MASK_CHANNELS, DECODER_MLP, IOU_DIM = 32, 16, 48, 24
TABLES = ("pos_embed", "_point_embed.weight", "mask_embed.weight", "iou_token.weight",
          "mask_tokens.weight")
MEAN, DEVIATION = [123.675, 116.28, 103.53], [58.395, 57.12, 57.375]


def tiny():
    grid = IMAGE // PATCH
    return Sam(
        image_encoder=ImageEncoderViT(
            img_size=IMAGE, patch_size=PATCH, embed_dim=DIM, depth=2, num_heads=HEADS,
            mlp_ratio=MLP / DIM, out_chans=PROMPT_DIM,
            norm_layer=lambda dim: torch.nn.LayerNorm(dim, eps=1e-6), use_rel_pos=True,
            window_size=WINDOW, global_attn_indexes=(1,)),
        prompt_encoder=PromptEncoder(
            embed_dim=PROMPT_DIM, image_embedding_size=(grid, grid),
            input_image_size=(IMAGE, IMAGE), mask_in_chans=MASK_CHANNELS),
        mask_decoder=MaskDecoder(
            transformer_dim=PROMPT_DIM, num_multimask_outputs=3,
            transformer=TwoWayTransformer(depth=2, embedding_dim=PROMPT_DIM, num_heads=8,
                                          mlp_dim=DECODER_MLP),
            iou_head_depth=3, iou_head_hidden_dim=IOU_DIM),
        pixel_mean=MEAN, pixel_std=DEVIATION)


def randomise(sam):
    for name, parameter in sam.named_parameters():
        if "norm" in name and name.endswith("weight") or parameter.dim() == 1 and "weight" in name:
            parameter.data = 1 + 0.3 * torch.randn_like(parameter)
        elif name.endswith("bias"):
            parameter.data = 0.1 * torch.randn_like(parameter)
        elif "rel_pos" in name:  # times q, which is about one: biases that move the softmax
            parameter.data = 1 / math.sqrt(parameter.shape[1]) * torch.randn_like(parameter)
        elif name.endswith(TABLES) or "point_embeddings" in name:
            parameter.data = 0.5 * torch.randn_like(parameter)
        else:
            fan_in = parameter[0].numel()
            if "output_upscaling" in name:  # a transposed convolution without overlap
                fan_in = parameter.shape[0]
            parameter.data = 1.2 / math.sqrt(fan_in) * torch.randn_like(parameter)
    return sam.eval()


def prompts(sam):
    """kind -> (points and labels or None, boxes or None, masks or None), two prompts each."""
    size, mask = sam.image_encoder.img_size, sam.prompt_encoder.mask_input_size
    points = torch.rand(2, 3, 2) * size
    labels = torch.tensor([[1, 0, 1], [0, 1, -1]])
    boxes = torch.rand(2, 4) * size / 2 + torch.tensor([0, 0, size / 2, size / 2])
    masks = 4 * torch.randn(2, 1, *mask)
    return {"points": ((points, labels), None, None), "boxes": (None, boxes, None),
            "masks": (None, None, masks), "points_boxes": ((points, labels), boxes, None),
            "all": ((points, labels), boxes, masks), "none": (None, None, None)}


def decode(sam, embedding, given, multimask):
    """What Sam.forward does for one image: the prompts of a batch are for the same image."""
    sparse, dense = sam.prompt_encoder(*given)
    return sparse, dense, sam.mask_decoder(
        image_embeddings=embedding, image_pe=sam.prompt_encoder.get_dense_pe(),
        sparse_prompt_embeddings=sparse, dense_prompt_embeddings=dense,
        multimask_output=multimask)


def record_prompts(sam, embedding, stored):
    for kind, given in prompts(sam).items():
        sparse, dense, single = decode(sam, embedding, given, False)
        _, _, multi = decode(sam, embedding, given, True)
        stored |= {f"{kind}.sparse": sparse, f"{kind}.dense": dense[:, :, :2],
                   f"{kind}.single": single[0], f"{kind}.single_iou": single[1],
                   f"{kind}.multi": multi[0], f"{kind}.multi_iou": multi[1]}
        if kind == "all":
            (stored["points"], stored["labels"]), stored["boxes"], stored["masks"] = given


def rounding(sam, embedding, given):
    """How far Meta's own fp32 masks are from fp64."""
    sparse, dense = sam.prompt_encoder(*given)
    inputs = [embedding, sam.prompt_encoder.get_dense_pe(), sparse, dense]
    single = sam.mask_decoder(*inputs, multimask_output=True)[0]
    double = sam.mask_decoder.double()(*[x.double() for x in inputs], multimask_output=True)[0]
    sam.mask_decoder.float()
    return (single - double).abs().max().item()


def record_encoder(sam, image, stored):
    """Every part's output; the first image only, the blocks work on images apart."""
    encoder, hooks = sam.image_encoder, []

    def keep(name):
        return lambda _, __, output: stored.update({name: output.clone()})

    parts = {"patches": encoder.patch_embed, "window_block": encoder.blocks[0],
             "global_block": encoder.blocks[1], "neck": encoder.neck}
    hooks = [part.register_forward_hook(keep(name)) for name, part in parts.items()]
    embedding = encoder(image)
    for hook in hooks:
        hook.remove()
    return embedding


def record_transformer(sam, stored):
    dim, grid = PROMPT_DIM, IMAGE // PATCH
    image, places = torch.randn(2, dim, grid, grid), torch.randn(1, dim, grid, grid)
    tokens = torch.randn(2, 7, dim)
    read, keys = sam.mask_decoder.transformer(image, places.expand(2, -1, -1, -1), tokens)
    stored |= {"transformer.image": image, "transformer.places": places,
               "transformer.tokens": tokens, "transformer.read": read, "transformer.keys": keys}


def record_gradients(sam, image, stored):
    """Of a loss over everything: points, box and mask, all masks and the IoU head."""
    given = prompts(sam)["all"]
    (stored["gradient_points"], stored["gradient_labels"]), boxes, masks = given
    stored["gradient_boxes"], stored["gradient_masks"] = boxes, masks
    loss = 0
    for multimask in (False, True):
        _, _, (logits, iou) = decode(sam, sam.image_encoder(image), given, multimask)
        weights = torch.randn_like(logits)
        stored[f"loss_weights.{int(multimask)}"] = weights
        loss = loss + (logits * weights).mean() + (iou ** 2).mean()
    _, _, (logits, _) = decode(sam, sam.image_encoder(image), (None, None, None), False)
    loss = loss + (logits ** 2).mean()
    loss.backward()
    stored["loss"] = loss.reshape(1)
    stored |= {f"gradient.{name}": p.grad for name, p in sam.named_parameters()}


def save(stored, path, extra=None):
    tensors = {f"golden.{name}": value.detach().contiguous().clone()
               for name, value in stored.items()}
    # One entry: safetensors writes several in random order, and the file is to be reproducible.
    provenance = {"made_by": "tests/golden/make_sam_golden.py", "seed": SEED,
                  "torch": torch.__version__,
                  "segment-anything": metadata.version("segment-anything")}
    save_file(tensors | (extra or {}), path, {"provenance": json.dumps(provenance)})
    print(f"{path}: {pathlib.Path(path).stat().st_size} bytes, {len(tensors)} results")


def make_tiny(path):
    sam = randomise(tiny())
    picture = torch.randint(0, 256, (1, 3, 27, 40), dtype=torch.uint8)
    stored = {"picture": picture, "image": sam.preprocess(picture)}
    with torch.no_grad():
        stored["embedding"] = record_encoder(sam, stored["image"], stored)
        record_prompts(sam, stored["embedding"], stored)
        record_transformer(sam, stored)
    record_gradients(sam, stored["image"], stored)
    save(stored, path, {name: value.contiguous() for name, value in sam.state_dict().items()})


def make_full(folder):
    folder.mkdir(parents=True, exist_ok=True)
    sam = randomise(sam_model_registry["vit_b"]())
    torch.save(sam.state_dict(), folder / "sam_vit_b.pth")
    picture = torch.randint(0, 256, (1, 3, 12, 16), dtype=torch.uint8).float()
    picture = torch.nn.functional.interpolate(picture, (768, 1024), mode="bilinear").byte()
    stored = {"picture": picture}
    with torch.no_grad():
        stored["embedding"] = sam.image_encoder(sam.preprocess(picture))
        record_prompts(sam, stored["embedding"], stored)
        for kind, given in prompts(sam).items():
            print(f"{kind}: fp32's rounding {rounding(sam, stored['embedding'], given):.1e}")
    save(stored, folder / "outputs.safetensors")


if __name__ == "__main__":
    torch.manual_seed(SEED)
    if len(sys.argv) == 3 and sys.argv[1] == "--full":
        make_full(pathlib.Path(sys.argv[2]))
    else:
        here = pathlib.Path(__file__).parent
        make_tiny(sys.argv[1] if len(sys.argv) > 1 else str(here / "sam_tiny.safetensors"))
