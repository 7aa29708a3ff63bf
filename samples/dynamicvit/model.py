"""A vision transformer that loses tokens on the way: those the predictor would not keep are gone for good.

After Rao et al., "DynamicViT: Efficient Vision Transformers with Dynamic Token Sparsification", NeurIPS
2021 (a predictor before some of the blocks) and Yin et al., "A-ViT: Adaptive Tokens for Efficient Vision
Transformer", CVPR 2022 (each token has a halting score that adds up; it leaves once the sum passes 1 -
eps). How many tokens stay depends on the picture, so the sequence's length is decided by data.
"""

import torch
import torch.nn as nn


class Mlp(nn.Module):
    def __init__(self, in_features, hidden_features=None, out_features=None, act_layer=nn.GELU, drop=0.0):
        super().__init__()
        out_features = out_features or in_features
        hidden_features = hidden_features or in_features
        self.fc1 = nn.Linear(in_features, hidden_features)
        self.act = act_layer()
        self.fc2 = nn.Linear(hidden_features, out_features)
        self.drop = nn.Dropout(drop)

    def forward(self, x):
        return self.drop(self.fc2(self.drop(self.act(self.fc1(x)))))


class Attention(nn.Module):
    def __init__(self, dim, num_heads=4, qkv_bias=True):
        super().__init__()
        self.num_heads = num_heads
        self.scale = (dim // num_heads) ** -0.5
        self.qkv = nn.Linear(dim, dim * 3, bias=qkv_bias)
        self.proj = nn.Linear(dim, dim)

    def forward(self, x):
        B, N, C = x.shape
        qkv = self.qkv(x).reshape(B, N, 3, self.num_heads, C // self.num_heads).permute(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]
        attn = (q @ k.transpose(-2, -1)) * self.scale
        attn = attn.softmax(dim=-1)
        x = (attn @ v).transpose(1, 2).reshape(B, N, C)
        return self.proj(x)


class Block(nn.Module):
    def __init__(self, dim, num_heads, mlp_ratio=2.0):
        super().__init__()
        self.norm1 = nn.LayerNorm(dim)
        self.attn = Attention(dim, num_heads=num_heads)
        self.norm2 = nn.LayerNorm(dim)
        self.mlp = Mlp(dim, int(dim * mlp_ratio))

    def forward(self, x):
        x = x + self.attn(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class PredictorLG(nn.Module):
    """Local and global features of each token say whether it stays."""

    def __init__(self, embed_dim):
        super().__init__()
        self.in_conv = nn.Sequential(nn.LayerNorm(embed_dim), nn.Linear(embed_dim, embed_dim), nn.GELU())
        self.out_conv = nn.Sequential(
            nn.Linear(embed_dim, embed_dim // 2),
            nn.GELU(),
            nn.Linear(embed_dim // 2, 2),
            nn.LogSoftmax(dim=-1),
        )

    def forward(self, x):
        x = self.in_conv(x)
        B, N, C = x.size()
        local_x = x[:, :, : C // 2]
        global_x = x[:, :, C // 2 :].mean(dim=1, keepdim=True)
        x = torch.cat([local_x, global_x.expand(B, N, C // 2)], dim=-1)
        return self.out_conv(x)


class DynamicViT(nn.Module):
    def __init__(
        self,
        img_size=32,
        patch_size=8,
        embed_dim=32,
        depth=6,
        num_heads=4,
        num_classes=10,
        pruning_loc=(1, 3),
        eps=0.05,
        gate_scale=4.0,
        gate_center=1.0,
    ):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, embed_dim, kernel_size=patch_size, stride=patch_size)
        num_patches = (img_size // patch_size) ** 2
        self.cls_token = nn.Parameter(torch.zeros(1, 1, embed_dim))
        self.pos_embed = nn.Parameter(torch.randn(1, num_patches + 1, embed_dim) * 0.02)
        self.blocks = nn.ModuleList([Block(embed_dim, num_heads) for _ in range(depth)])
        self.score_predictor = nn.ModuleList([PredictorLG(embed_dim) for _ in pruning_loc])
        self.norm = nn.LayerNorm(embed_dim)
        self.head = nn.Linear(embed_dim, num_classes)
        self.pruning_loc = list(pruning_loc)
        self.eps = eps
        self.gate_scale, self.gate_center = gate_scale, gate_center

    def forward(self, x):
        x = self.patch_embed(x).flatten(2).transpose(1, 2)
        x = torch.cat((self.cls_token.expand(x.shape[0], -1, -1), x), dim=1) + self.pos_embed
        halting = x.new_zeros(x.shape[1])
        p_count = 0
        token_counts = []
        for i, blk in enumerate(self.blocks):
            if i in self.pruning_loc:
                pred_score = self.score_predictor[p_count](x[:, 1:])[0]
                keep = pred_score[:, 0] > pred_score[:, 1]
                # the class token always stays
                keep = torch.cat([torch.ones_like(keep[:1]), keep])
                x, halting = x[:, keep], halting[keep]
                p_count += 1
            x = blk(x)
            halting = halting + torch.sigmoid(x[0, :, 0] * self.gate_scale - self.gate_center)
            running = halting < 1 - self.eps
            running[0] = True
            x, halting = x[:, running], halting[running]
            token_counts.append(x.shape[1])
            if x.shape[1] == 1:
                break
        return self.head(self.norm(x)[:, 0]), token_counts


def get_model():
    torch.manual_seed(4)
    model = DynamicViT()
    for m in model.score_predictor.modules():
        if isinstance(m, nn.Linear):
            nn.init.normal_(m.weight, std=0.5)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)
