"""A small one-stage detector with greedy non-maximum suppression written in Python.

After Redmon et al., "You Only Look Once", CVPR 2016; the suppression is the loop of many public detectors:
take the best box, drop what overlaps it, until none is left. How many boxes there are is up to the picture.
"""

import torch
import torch.nn as nn


def box_iou(box, boxes):
    """IoU of one box (4,) with boxes (N, 4), corners."""
    lt = torch.max(box[None, :2], boxes[:, :2])
    rb = torch.min(box[None, 2:], boxes[:, 2:])
    wh = (rb - lt).clamp(min=0)
    inter = wh[:, 0] * wh[:, 1]
    area = (box[2] - box[0]) * (box[3] - box[1])
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return inter / (area + areas - inter)


def nms(boxes, scores, iou_threshold):
    order = scores.argsort(descending=True)
    keep = []
    while order.numel() > 0:
        i = order[0]
        keep.append(i)
        if order.numel() == 1:
            break
        iou = box_iou(boxes[i], boxes[order[1:]])
        order = order[1:][iou <= iou_threshold]
    return torch.stack(keep)


class TinyDetector(nn.Module):
    def __init__(self, num_classes=3, grid=8, conf_thres=0.6, iou_thres=0.3, max_det=20):
        super().__init__()
        self.backbone = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2, 1),
            nn.BatchNorm2d(8),
            nn.LeakyReLU(0.1),
            nn.Conv2d(8, 16, 3, 2, 1),
            nn.BatchNorm2d(16),
            nn.LeakyReLU(0.1),
        )
        self.head = nn.Conv2d(16, 5 + num_classes, 1)
        self.num_classes, self.grid = num_classes, grid
        self.conf_thres, self.iou_thres, self.max_det = conf_thres, iou_thres, max_det
        ys, xs = torch.meshgrid(torch.arange(grid), torch.arange(grid), indexing="ij")
        self.register_buffer("cells", torch.stack([xs, ys], -1).float().view(-1, 2), persistent=False)

    def decode(self, raw):
        raw = raw.flatten(1).t()
        xy = (self.cells + raw[:, :2].sigmoid()) / self.grid
        wh = raw[:, 2:4].sigmoid() * 0.5
        boxes = torch.cat([xy - wh / 2, xy + wh / 2], dim=1)
        obj = raw[:, 4].sigmoid()
        cls_prob, cls = raw[:, 5:].softmax(-1).max(-1)
        return boxes, obj * cls_prob, cls

    def non_max_suppression(self, boxes, scores, classes):
        xc = scores > self.conf_thres
        boxes, scores, classes = boxes[xc], scores[xc], classes[xc]
        if not boxes.shape[0]:  # no boxes
            return torch.zeros((0, 6), device=boxes.device)
        # offset by class, so that boxes of different classes never meet
        offset = classes[:, None].float() * 4
        i = nms(boxes + offset, scores, self.iou_thres)
        if i.shape[0] > self.max_det:
            i = i[: self.max_det]
        return torch.cat([boxes[i], scores[i, None], classes[i, None].float()], dim=1)

    def forward(self, images):
        raw = self.head(self.backbone(images))
        outputs = []
        for image_raw in raw:
            outputs.append(self.non_max_suppression(*self.decode(image_raw)))
        return outputs


def get_model():
    torch.manual_seed(0)
    model = TinyDetector()
    nn.init.normal_(model.head.weight, std=1.0)
    return model.eval()


def example_inputs():
    return (torch.zeros(1, 3, 32, 32),)
