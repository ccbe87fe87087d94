"""The self-attention of one Wan block, computed by LiteAttention."""

import torch


def rotate(x, cos, sin):
    """Rotary position embedding of pairs of neighbouring channels.

    Shapes: x [B, L, H, D]; cos and sin [1, L, 1, D], of which diffusers fills cos[2i] and
    sin[2i + 1] for the pair (2i, 2i + 1).
    """
    even, odd = x.unflatten(-1, (-1, 2)).unbind(-1)
    cos, sin = cos[..., 0::2], sin[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2).type_as(x)


class LiteWanProcessor:
    """In place of diffusers' WanAttnProcessor in a block's attn1.

    attend(layer, q, k, v) is [B, L, H, D] -> [B, L, H, D].
    """

    def __init__(self, layer, attend):
        self.layer = layer
        self.attend = attend

    def __call__(self, attn, hidden_states, encoder_hidden_states=None, attention_mask=None,
                 rotary_emb=None):
        if encoder_hidden_states is not None or attention_mask is not None:
            raise ValueError("[tessera.diffusers] this processor is for self-attention without a "
                             "mask")
        if attn.fused_projections:
            q, k, v = attn.to_qkv(hidden_states).chunk(3, dim=-1)
        else:
            q, k, v = (project(hidden_states) for project in (attn.to_q, attn.to_k, attn.to_v))
        q, k = attn.norm_q(q), attn.norm_k(k)
        q, k, v = (x.unflatten(2, (attn.heads, -1)) for x in (q, k, v))
        if rotary_emb is not None:
            q, k = rotate(q, *rotary_emb), rotate(k, *rotary_emb)
        out = self.attend(self.layer, q, k, v).flatten(2)
        for layer in attn.to_out:
            out = layer(out)
        return out
