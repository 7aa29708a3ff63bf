"""A stitchable network: a small and a big vision transformer, and layers that lead from one into the other.

After Pan, Cai and Zhuang, "Stitchable Neural Networks", CVPR 2023 (SN-Net). A budget argument picks the
stitch, that is where the small one ends and the big one takes over; a second call argument keeps it simple.
"""

import torch
import torch.nn as nn


class Anchor(nn.Module):
    """A plain transformer that can be run in part."""

    def __init__(self, dim, depth, heads, patch=8, img_size=32, num_classes=10):
        super().__init__()
        self.patch_embed = nn.Conv2d(3, dim, patch, patch)
        self.pos_embed = nn.Parameter(torch.randn(1, (img_size // patch) ** 2, dim) * 0.1)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(dim, heads, 2 * dim, dropout=0.0, batch_first=True, norm_first=True)
            for _ in range(depth)
        )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, num_classes)
        self.embed_dim = dim

    def extract_block_features(self, x):
        return self.patch_embed(x).flatten(2).transpose(1, 2) + self.pos_embed

    def forward_until(self, x, blk_id):
        x = self.extract_block_features(x)
        for i, blk in enumerate(self.blocks):
            x = blk(x)
            if i == blk_id:
                break
        return x

    def forward_from(self, x, blk_id):
        for i, blk in enumerate(self.blocks):
            if i < blk_id:
                continue
            x = blk(x)
        return self.forward_head(x)

    def forward_head(self, x):
        return self.head(self.norm(x).mean(1))

    def forward(self, x):
        x = self.extract_block_features(x)
        for blk in self.blocks:
            x = blk(x)
        return self.forward_head(x)


class StitchingLayer(nn.Module):
    def __init__(self, in_features, out_features):
        super().__init__()
        self.transform = nn.Linear(in_features, out_features)

    def forward(self, x):
        return self.transform(x)


def get_stitch_configs(depths):
    """All stitches from block i of the small network to block j of the big one, and the anchors alone."""
    small, big = depths
    cfgs = [{"comb_id": [0]}]
    ratio = big // small
    for i in range(small - 1):
        cfgs.append({"comb_id": (0, 1), "stitch_cfgs": (i, (i + 1) * ratio)})
    cfgs.append({"comb_id": [1]})
    return {i: cfg for i, cfg in enumerate(cfgs)}


class SNNet(nn.Module):
    def __init__(self, dims=(16, 32), depths=(3, 6), heads=(2, 4)):
        super().__init__()
        self.anchors = nn.ModuleList(Anchor(d, n, h) for d, n, h in zip(dims, depths, heads))
        self.stitch_configs = get_stitch_configs(depths)
        self.num_configs = len(self.stitch_configs)
        self.stitch_layers = nn.ModuleDict(
            {
                str(i): StitchingLayer(dims[0], dims[1])
                for i, c in self.stitch_configs.items()
                if "stitch_cfgs" in c
            }
        )
        self.stitch_config_id = 0
        # what each stitch costs, in blocks of the big network
        self.costs = [self._cost(c, depths) for c in self.stitch_configs.values()]

    def _cost(self, cfg, depths):
        if "stitch_cfgs" not in cfg:
            return depths[0] * 0.25 if cfg["comb_id"][0] == 0 else float(depths[1])
        i, j = cfg["stitch_cfgs"]
        return 0.25 * (i + 1) + depths[1] - j

    def reset_stitch_id(self, stitch_config_id):
        self.stitch_config_id = stitch_config_id

    def pick(self, budget):
        """The most expensive stitch within the budget."""
        best = 0
        for i, cost in enumerate(self.costs):
            if cost <= budget:
                best = i
        return best

    def forward(self, x, budget):
        self.reset_stitch_id(self.pick(budget))
        stitch_cfg = self.stitch_configs[self.stitch_config_id]
        comb_id = stitch_cfg["comb_id"]
        if len(comb_id) == 1:
            return self.anchors[comb_id[0]](x), self.stitch_config_id
        cfg = stitch_cfg["stitch_cfgs"]
        x = self.anchors[comb_id[0]].forward_until(x, blk_id=cfg[0])
        x = self.stitch_layers[str(self.stitch_config_id)](x)
        return self.anchors[comb_id[1]].forward_from(x, blk_id=cfg[1]), self.stitch_config_id


def get_model():
    torch.manual_seed(0)
    return SNNet().eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32), 3.0)
