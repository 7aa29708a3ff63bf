"""The 41 architectures of the coverage table, with random weights. Needs torchvision, timm and
transformers.

``torchvision`` built for another torch imports all the same once the operators that it registers are
declared.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import torch
from tests.prune.modules import Decoder, EarlyExit, SkipNet
from torch import nn

Made = tuple[nn.Module, tuple[Any, ...]]


def declare_operators() -> torch.library.Library:
    """Let ``import torchvision`` work without its compiled operators, of which no model here makes use."""
    library = torch.library.Library("torchvision", "DEF")
    for name, threshold in (("nms", "iou_threshold"), ("qnms", "iou_threshold")):
        library.define(f"{name}(Tensor dets, Tensor scores, float {threshold}) -> Tensor")
    return library


def image(size: int = 64, batch: int = 1) -> tuple[torch.Tensor]:
    return (torch.randn(batch, 3, size, size),)


def tokens(length: int = 16) -> tuple[torch.Tensor]:
    return (torch.randint(0, 100, (1, length)),)


def torchvision_model(name: str, size: int = 64, **options: Any) -> Callable[[], Made]:
    def make() -> Made:
        import torchvision

        return torchvision.models.get_model(name, weights=None, **options), image(size)

    return make


def deeplab() -> Made:
    import torchvision

    model = torchvision.models.segmentation.deeplabv3_mobilenet_v3_large(
        weights=None, weights_backbone=None
    )
    return model, image(64)


def timm_model(name: str, size: int, **options: Any) -> Callable[[], Made]:
    def make() -> Made:
        import timm

        return timm.create_model(name, pretrained=False, **options), image(size)

    return make


class Picked(nn.Module):
    """Only the first output of a Hugging Face model, without a cache."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=ids)[0]


def hugging_face(kind: str, config: str, **options: Any) -> Callable[[], Made]:
    def make() -> Made:
        import transformers

        settings = getattr(transformers, config)(**options)
        return Picked(getattr(transformers, kind)(settings)), tokens()

    return make


class UNet(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()

        def double(i: int, o: int) -> nn.Sequential:
            return nn.Sequential(
                nn.Conv2d(i, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(),
                nn.Conv2d(o, o, 3, padding=1), nn.BatchNorm2d(o), nn.ReLU(),
            )  # fmt: skip

        self.down1, self.down2, self.middle = (
            double(3, width),
            double(width, 2 * width),
            double(2 * width, 64),
        )
        self.up2, self.up1 = (
            nn.ConvTranspose2d(64, 2 * width, 2, 2),
            nn.ConvTranspose2d(2 * width, width, 2, 2),
        )
        self.merge2, self.merge1 = double(4 * width, 2 * width), double(2 * width, width)
        self.head = nn.Conv2d(width, 2, 1)
        self.pool = nn.MaxPool2d(2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        one = self.down1(x)
        two = self.down2(self.pool(one))
        middle = self.middle(self.pool(two))
        two = self.merge2(torch.cat([self.up2(middle), two], 1))
        return self.head(self.merge1(torch.cat([self.up1(two), one], 1)))


def dcgan() -> Made:
    layers: list[nn.Module] = []
    for i, o, stride, padding in ((100, 256, 1, 0), (256, 128, 2, 1), (128, 64, 2, 1)):
        layers += [nn.ConvTranspose2d(i, o, 4, stride, padding, bias=False), nn.BatchNorm2d(o), nn.ReLU()]
    layers += [nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh()]
    return nn.Sequential(*layers), (torch.randn(1, 100, 1, 1),)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.RNNBase]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(100, 64)
        self.rnn = kind(64, 128, num_layers=2, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.rnn(self.embedding(ids))[0][:, -1])


def mlp() -> Made:
    sizes = (64, 256, 256, 256, 10)
    layers: list[nn.Module] = []
    for i, o in itertools.pairwise(sizes):
        layers += [nn.Linear(i, o), nn.ReLU()]
    return nn.Sequential(*layers[:-1]), (torch.randn(1, 64),)


STATIC: dict[str, Callable[[], Made]] = {
    "alexnet": torchvision_model("alexnet"),
    "vgg16_bn": torchvision_model("vgg16_bn"),
    "resnet50": torchvision_model("resnet50"),
    "resnext50_32x4d": torchvision_model("resnext50_32x4d"),
    "densenet121": torchvision_model("densenet121"),
    "googlenet": torchvision_model("googlenet", init_weights=False),
    "inception_v3": torchvision_model("inception_v3", 96, init_weights=False),
    "squeezenet1_1": torchvision_model("squeezenet1_1"),
    "mobilenet_v2": torchvision_model("mobilenet_v2"),
    "mobilenet_v3_small": torchvision_model("mobilenet_v3_small"),
    "mnasnet1_0": torchvision_model("mnasnet1_0"),
    "shufflenet_v2_x1_0": torchvision_model("shufflenet_v2_x1_0"),
    "efficientnet_b0": torchvision_model("efficientnet_b0"),
    "regnet_y_400mf": torchvision_model("regnet_y_400mf"),
    "convnext_tiny": torchvision_model("convnext_tiny"),
    "vit_b_16": torchvision_model("vit_b_16", image_size=64),
    "swin_t": torchvision_model("swin_t"),
    "deeplabv3_mobilenet_v3_large": deeplab,
    "deit_tiny": timm_model("deit_tiny_patch16_224", 64, img_size=64),
    "mixer_s32": timm_model("mixer_s32_224", 64, img_size=64),
    "resmlp_12": timm_model("resmlp_12_224", 64, img_size=64),
    "poolformer_s12": timm_model("poolformer_s12", 64),
    "ghostnet_100": timm_model("ghostnet_100", 64),
    "res2net50_26w_4s": timm_model("res2net50_26w_4s", 64),
    "hrnet_w18_small": timm_model("hrnet_w18_small", 64),
    "repvgg_a0": timm_model("repvgg_a0", 64),
    "levit_128s": timm_model("levit_128s", 224),
    "xcit_nano": timm_model("xcit_nano_12_p16_224", 64, img_size=64),
    "bert": hugging_face(
        "BertForSequenceClassification", "BertConfig", vocab_size=1000, hidden_size=128,
        num_hidden_layers=3, num_attention_heads=4, intermediate_size=256,
    ),
    "distilbert": hugging_face(
        "DistilBertForSequenceClassification", "DistilBertConfig", vocab_size=1000, dim=128,
        n_layers=3, n_heads=4, hidden_dim=256,
    ),
    "gpt2": hugging_face(
        "GPT2LMHeadModel", "GPT2Config", vocab_size=1000, n_embd=128, n_layer=3, n_head=4, use_cache=False
    ),
    "llama_gqa": hugging_face(
        "LlamaForCausalLM", "LlamaConfig", vocab_size=1000, hidden_size=128, intermediate_size=256,
        num_hidden_layers=3, num_attention_heads=8, num_key_value_heads=2, use_cache=False,
    ),
    "t5_encoder": hugging_face(
        "T5ForTokenClassification", "T5Config", attn_implementation="eager", vocab_size=1000, d_model=128,
        d_kv=32, d_ff=256, num_layers=3, num_heads=4,
    ),
    "unet": lambda: (UNet(), image(32)),
    "dcgan": dcgan,
    "gru": lambda: (Recurrent(nn.GRU), tokens()),
    "lstm": lambda: (Recurrent(nn.LSTM), tokens()),
    "mlp": mlp,
}  # fmt: skip
DYNAMIC: dict[str, Callable[[], Made]] = {
    "early-exit ResNet": lambda: (EarlyExit(32), (torch.zeros(1, 1, 8, 8),)),
    "SkipNet": lambda: (SkipNet(32), (torch.zeros(1, 1, 8, 8),)),
    "RNN with a loop": lambda: (Decoder(64), (torch.zeros(1, 6),)),
}
