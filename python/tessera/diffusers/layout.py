"""Lays a Wan transformer's tokens out in another order, inside each of its calls.

Four hooks do it, and the model's own code stays as it is: after the patch embedding and the rotary
embedding tokens are permuted, before the call so are per-token timesteps (Wan2.2 TI2V), and after
the last projection they are put back. Everything between treats tokens alike, or is attention.
"""

from tessera.ops import token_order


class TokenLayout:
    """The hooks of one transformer; `order_id` names the order of the call that runs."""

    def __init__(self, transformer, kind, box):
        self.kind, self.box = kind, box
        self.patch_size = transformer.config.patch_size
        self.orders = {}
        self.order = None
        self.handles = [
            transformer.register_forward_pre_hook(self._before_call, with_kwargs=True),
            transformer.patch_embedding.register_forward_hook(self._after_patches),
            transformer.rope.register_forward_hook(self._after_rope),
            transformer.proj_out.register_forward_hook(self._after_projection),
        ]

    def remove(self):
        for handle in self.handles:
            handle.remove()

    @property
    def order_id(self):
        return self.order.id

    def _before_call(self, module, args, kwargs):
        latents = kwargs["hidden_states"] if "hidden_states" in kwargs else args[0]
        grid = tuple(size // patch for size, patch in zip(latents.shape[2:], self.patch_size))
        if grid not in self.orders:
            self.orders[grid] = token_order(self.kind, *grid, box=self.box)
        self.order = self.orders[grid].to(latents.device)
        timestep = kwargs["timestep"] if "timestep" in kwargs else args[1]
        if timestep.ndim < 2:
            return None
        timestep = timestep[:, self.order.raster_index]
        if "timestep" in kwargs:
            return args, {**kwargs, "timestep": timestep}
        return (args[0], timestep, *args[2:]), kwargs

    def _after_patches(self, module, args, patches):  # [B, C, F, H, W]
        return patches.flatten(2)[:, :, self.order.raster_index].view_as(patches)

    def _after_rope(self, module, args, rotary):  # two of [1, L, 1, D]
        return tuple(table[:, self.order.raster_index] for table in rotary)

    def _after_projection(self, module, args, out):  # [B, L, C]
        return out[:, self.order.position]
