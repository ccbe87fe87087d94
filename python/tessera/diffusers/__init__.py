"""Tile-skipping attention in the Wan pipelines of diffusers, by one call.

    pipe = diffusers.WanPipeline.from_pretrained(...)
    lite = tessera.diffusers.enable(pipe, target_sparsity=0.4)
    film = pipe("two red circles", num_inference_steps=30)
    print(lite.report()["sparsity"])
    tessera.diffusers.disable(pipe)
"""

from tessera.diffusers.wan import Settings, WanLite, disable, enable

__all__ = ["Settings", "WanLite", "disable", "enable"]
