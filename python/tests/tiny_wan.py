"""A Wan pipeline of diffusers with a tiny random transformer; no text encoder, no VAE."""

import torch
from diffusers import UniPCMultistepScheduler, WanPipeline, WanTransformer3DModel

FRAMES, HEIGHT, WIDTH = 17, 96, 80  # latents 5 x 12 x 10, tokens 5 x 6 x 5 = 150
PROMPT = 6                          # words




def make_transformer(seed=0, dtype=torch.float32):
    torch.manual_seed(seed)
    model = WanTransformer3DModel(
        patch_size=(1, 2, 2), num_attention_heads=2, attention_head_dim=24, in_channels=4,
        out_channels=4, text_dim=16, freq_dim=32, ffn_dim=64, num_layers=3, rope_max_seq_len=32)
    for block in model.blocks:  # spread scores, so that tiles differ
        block.attn1.norm_q.weight.data.mul_(10)
    return model.to(dtype).eval().requires_grad_(False)


def make_pipe(seed=0, dtype=torch.float32, experts=1):
    second = {}
    if experts == 2:
        second = dict(transformer_2=make_transformer(seed + 1, dtype), boundary_ratio=0.9)
    pipe = WanPipeline(tokenizer=None, text_encoder=None, vae=None,
                       scheduler=UniPCMultistepScheduler(use_flow_sigmas=True, flow_shift=3.0,
                                                         prediction_type="flow_prediction"),
                       transformer=make_transformer(seed, dtype), **second)
    pipe.vae_scale_factor_temporal, pipe.vae_scale_factor_spatial = 4, 8
    pipe.set_progress_bar_config(disable=True)
    return pipe


def film(pipe, steps=3, guidance=4.0, seed=0, width=WIDTH):
    """The film's latents [1, 4, 5, 12, 10]."""
    generator = torch.Generator().manual_seed(seed)
    words = torch.randn(2, 1, PROMPT, 16, generator=generator)
    dtype = pipe.transformer.dtype
    return pipe(prompt_embeds=words[0].to(dtype), negative_prompt_embeds=words[1].to(dtype),
                height=HEIGHT, width=width, num_frames=FRAMES, num_inference_steps=steps,
                guidance_scale=guidance, generator=generator, output_type="latent").frames
