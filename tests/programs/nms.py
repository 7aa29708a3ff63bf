"""A detector's tail: threshold, sort, greedy non-maximum suppression with a dynamic number of boxes."""

import torch
from torch import nn


def box_iou(a, b):
    lt = torch.max(a[:, None, :2], b[None, :, :2])
    rb = torch.min(a[:, None, 2:], b[None, :, 2:])
    inter = (rb - lt).clamp(min=0).prod(2)
    area_a = (a[:, 2:] - a[:, :2]).prod(1)
    area_b = (b[:, 2:] - b[:, :2]).prod(1)
    return inter / (area_a[:, None] + area_b[None] - inter)


class Detector(nn.Module):
    def __init__(self, score_thr=0.4, iou_thr=0.3, max_det=4):
        super().__init__()
        self.score_thr, self.iou_thr, self.max_det = score_thr, iou_thr, max_det

    def forward(self, boxes, scores):
        keep = scores > self.score_thr
        boxes, scores = boxes[keep], scores[keep]
        if boxes.shape[0] == 0:
            return boxes, scores, 0
        order = scores.argsort(descending=True)
        kept = []
        while order.numel() > 0:
            i = order[0]
            kept.append(i)
            if order.numel() == 1 or len(kept) == self.max_det:
                break
            iou = box_iou(boxes[i].unsqueeze(0), boxes[order[1:]]).squeeze(0)
            order = order[1:][iou <= self.iou_thr]
        kept = torch.stack(kept)
        return boxes[kept], scores[kept], len(kept)


def get_model():
    return Detector()


def _scene(seed, spread, level):
    g = torch.Generator().manual_seed(seed)
    xy = torch.rand(10, 2, generator=g) * spread
    wh = torch.rand(10, 2, generator=g) + 0.5
    return torch.cat([xy, xy + wh], 1), (torch.rand(10, generator=g) * level)


def example_inputs():
    return _scene(0, 2.0, 1.0)


def more_inputs():
    settings = [(1, 0.1, 1.0), (2, 1.0, 1.0), (3, 4.0, 1.0), (4, 9.0, 1.0), (5, 3.0, 0.39), (6, 5.0, 0.5)]
    return [_scene(*s) for s in settings]
