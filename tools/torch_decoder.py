"""The decoder of a PQ-MIM model in PyTorch, from an export to safetensors.

    pqmim export small --format safetensors -o small-tensors
    python tools/torch_decoder.py small-tensors indices.npy -o picture.npy [--quality Q]

Needs PyTorch and NumPy only. `indices.npy` holds the code indices (h, w, M) of a whole picture,
`Codec.encode(image).indices`; the result is uint8 (h*f, w*f, 3).
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

PATCH = 4  # pixels a side that a feature of the pyramid's decoder stands for
# Convolutions of its residual branches, at its coarsest level and at the others.
COARSEST = {"bottleneck": ("contract", "filter", "expand"), "mixer": ("expand", "contract")}
FINER = {"block": ("first", "second")}


def read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    """The autoencoder's tensors, float32, by name: a JSON header behind its length, then values.

    Those of the MIM, which decides about bits only, are integers.
    """
    data = path.read_bytes()
    start = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:start])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[start + begin : start + end], "<f4")
        tensors[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return tensors


class Layer:
    """A layer's parameters: `layer["kernel"]`, `layer.at("attention")`."""

    def __init__(self, tensors: dict[str, torch.Tensor], path: str):
        self._tensors, self._path = tensors, path

    def at(self, name: str) -> "Layer":
        return Layer(self._tensors, f"{self._path}.{name}")

    def __getitem__(self, name: str) -> torch.Tensor:
        return self._tensors[f"{self._path}.{name}"]

    def get(self, name: str) -> torch.Tensor | None:
        return self._tensors.get(f"{self._path}.{name}")


def dense(layer: Layer) -> nn.Linear:
    inputs, outputs = layer["kernel"].shape
    module = nn.Linear(inputs, outputs, bias=layer.get("bias") is not None)
    module.weight.data = layer["kernel"].T.contiguous()
    if module.bias is not None:
        module.bias.data = layer["bias"]
    return module


def norm(layer: Layer) -> nn.LayerNorm:
    module = nn.LayerNorm(len(layer["scale"]), eps=1e-6)
    module.weight.data, module.bias.data = layer["scale"], layer["bias"]
    return module


def convolution(layer: Layer) -> nn.Conv2d:
    """1x1 or 3x3, zero padding; if there are factors on its outputs, they are in the kernel."""
    side, _, inputs, outputs = layer["kernel"].shape
    scale = layer.get("scale")
    scale = torch.ones(outputs) if scale is None else scale
    module = nn.Conv2d(inputs, outputs, side, padding=side // 2)
    module.weight.data = (layer["kernel"] * scale).permute(3, 2, 0, 1).contiguous()
    module.bias.data = layer["bias"] * scale
    return module


class DepthwiseFilter(nn.Module):
    """3x3, zero padding, on (h, w, C)."""

    def __init__(self, layer: Layer):
        super().__init__()
        channels = layer["kernel"].shape[-1]
        self.filter = nn.Conv2d(channels, channels, 3, padding=1, groups=channels)
        self.filter.weight.data = layer["kernel"].permute(2, 0, 1)[:, None].contiguous()
        self.filter.bias.data = layer["bias"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.filter(x.permute(2, 0, 1)[None])[0].permute(1, 2, 0)


class CrossCovarianceAttention(nn.Module):
    """Attention between channels, with statistics over the tokens of the picture."""

    def __init__(self, layer: Layer):
        super().__init__()
        self.qkv, self.projection = dense(layer.at("qkv")), dense(layer.at("projection"))
        self.temperature = nn.Parameter(layer["temperature"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        heads = len(self.temperature)
        q, k, v = self.qkv(x).reshape(*x.shape[:2], 3, heads, x.shape[-1] // heads).unbind(2)
        q, k = (a.flatten(0, 1) for a in (q, k))
        q, k = (a * torch.rsqrt((a * a).sum(0, keepdim=True) + 1e-6) for a in (q, k))
        weights = (torch.einsum("nhc,nhd->hcd", q, k) * self.temperature).softmax(-1)
        return self.projection(torch.einsum("hcd,yxhd->yxhc", weights, v).reshape(x.shape))


class Block(nn.Module):
    def __init__(self, layer: Layer):
        super().__init__()
        names = ("attention", "local", "mlp")
        self.norms = nn.ModuleList(norm(layer.at(f"{name}_norm")) for name in names)
        self.scales = nn.ParameterList(layer[f"{name}_scale"] for name in names)
        local, mlp, gelu = layer.at("local"), layer.at("mlp"), nn.GELU("tanh")
        first, second = (DepthwiseFilter(local.at(name)) for name in ("first", "second"))
        self.mixers = nn.ModuleList(
            (
                CrossCovarianceAttention(layer.at("attention")),
                nn.Sequential(first, gelu, second),
                nn.Sequential(dense(mlp.at("expand")), gelu, dense(mlp.at("contract"))),
            )
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for normalise, scale, mix in zip(self.norms, self.scales, self.mixers, strict=True):
            x = x + scale * mix(normalise(x))
        return x


class XcitTrunk(nn.Module):
    """Latents (h, w, M*d) to token features (h, w, C)."""

    def __init__(self, layer: Layer, depth: int):
        super().__init__()
        self.stem, self.norm = dense(layer.at("stem")), norm(layer.at("norm"))
        self.blocks = nn.Sequential(*(Block(layer.at(f"block_{i}")) for i in range(depth)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.blocks(self.stem(x)))


class Residual(nn.Module):
    """x + convolutions with GELUs between them, on (1, C, h, w)."""

    def __init__(self, layer: Layer, names: tuple[str, ...]):
        super().__init__()
        first, *others = (convolution(layer.at(name)) for name in names)
        pairs = ((nn.GELU("tanh"), each) for each in others)
        self.branch = nn.Sequential(first, *(module for pair in pairs for module in pair))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.branch(x)


class Enlarged(nn.Module):
    """(1, 4*C, h, w) -> (1, C, 2*h, 2*w)."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return depth_to_space(x[0].permute(1, 2, 0), 2).permute(2, 0, 1)[None]


class PyramidTrunk(nn.Module):
    """Latents (h, w, M*d) to features of patches (h*f/4, w*f/4, C)."""

    def __init__(self, layer: Layer, depth: int, f: int):
        super().__init__()
        steps = [convolution(layer.at("stem"))]
        for i in range(int(math.log2(f / PATCH)) + 1):
            if i > 0:
                steps += convolution(layer.at(f"up_{i}")), Enlarged()
            level, kinds = layer.at(f"level_{i}"), FINER if i else COARSEST
            for n in range(depth):
                steps += (Residual(level.at(f"{kind}_{n}"), kinds[kind]) for kind in kinds)
        self.steps = nn.Sequential(*steps)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.steps(x.permute(2, 0, 1)[None])[0].permute(1, 2, 0)


class PostFilter(nn.Module):
    """3x3 convolutions over a picture (H, W, 3) at half its resolution, added to it."""

    def __init__(self, layer: Layer, depth: int):
        super().__init__()
        names = ("stem", *(f"convolution_{i}" for i in range(depth)), "out")
        first, *middle, last = (convolution(layer.at(name)) for name in names)
        self.stem, self.middle, self.out = first, nn.ModuleList(middle), last
        self.quality_bias = nn.Parameter(layer["quality_bias"])
        self.gelu = nn.GELU("tanh")

    def forward(self, image: torch.Tensor, quality: int) -> torch.Tensor:
        x = self.stem(space_to_depth(image, 2).permute(2, 0, 1)[None])
        x = x + self.quality_bias[quality - 1][:, None, None]
        for step in self.middle:
            x = x + step(self.gelu(x))
        x = self.out(self.gelu(x))[0].permute(1, 2, 0)
        return image + depth_to_space(x, 2)


class Decoder(nn.Module):
    """Latents (h, w, M*d) and a quality to a picture (h*f, w*f, 3) in about [-0.5, 0.5]."""

    def __init__(self, tensors: dict[str, torch.Tensor], config: dict):
        super().__init__()
        layer = Layer(tensors, "autoencoder")
        trunk, depth = layer.at("decoder"), config["autoencoder"]["decoder_depth"]
        self.f, self.linear_path = config["f"], config["autoencoder"]["linear_path"]
        if config["autoencoder"]["backbone"] == "xcit":
            self.trunk, self.cell = XcitTrunk(trunk, depth), self.f
        else:
            self.trunk, self.cell = PyramidTrunk(trunk, depth, self.f), PATCH
        self.to_pixels = dense(layer.at("to_pixels"))
        self.synthesis = dense(layer.at("linear_synthesis")) if self.linear_path else None
        self.quality_bias = nn.Parameter(layer["quality_bias"])
        width, depth = (config["autoencoder"].get(f"post_filter_{n}") for n in ("width", "depth"))
        self.post_filter = PostFilter(layer.at("post_filter"), depth) if width else None

    def forward(self, latents: torch.Tensor, quality: int) -> torch.Tensor:
        features = self.trunk(latents + self.quality_bias[quality - 1])
        image = depth_to_space(self.to_pixels(features), self.cell)
        if self.synthesis is not None:
            image = image + overlap_add(self.synthesis(latents), self.f)
        return image if self.post_filter is None else self.post_filter(image, quality)


def depth_to_space(x: torch.Tensor, f: int) -> torch.Tensor:
    h, w, _ = x.shape
    return x.reshape(h, w, f, f, -1).permute(0, 2, 1, 3, 4).reshape(h * f, w * f, -1)


def space_to_depth(x: torch.Tensor, f: int) -> torch.Tensor:
    h, w, c = x.shape
    x = x.reshape(h // f, f, w // f, f, c).permute(0, 2, 1, 3, 4)
    return x.reshape(h // f, w // f, f * f * c)


def overlap_add(patches: torch.Tensor, f: int) -> torch.Tensor:
    """Sums 2f x 2f windows, four f x f quarters each, into a picture."""
    cells = 0
    for i, quarter in enumerate(patches.chunk(4, dim=-1)):
        down, right = divmod(i, 2)
        cells = cells + F.pad(quarter, (0, 0, right, 1 - right, down, 1 - down))
    half = f // 2
    return depth_to_space(cells, f)[half:-half, half:-half]


def load(folder: Path) -> tuple[Decoder, torch.Tensor, dict]:
    """The decoder, the codebooks (M, K, d) and the config of an exported folder."""
    config = json.loads((folder / "manifest.json").read_text())["config"]
    if (backbone := config["autoencoder"]["backbone"]) not in ("xcit", "pyramid"):
        raise SystemExit(f"{folder}: the backbone {backbone} is not written in PyTorch here")
    codebooks = np.fromfile(folder / "codebooks.bin", "<f4")
    shape = (config["num_codebooks"], config["num_codewords"], config["codeword_dim"])
    decoder = Decoder(read_safetensors(folder / "weights.safetensors"), config)
    return decoder.eval(), torch.from_numpy(codebooks.reshape(shape)), config


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("indices", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--quality", type=int, help="default: the best")
    options = parser.parse_args()
    decoder, codebooks, config = load(options.folder)
    quality = options.quality or config["num_codebooks"]
    indices = torch.from_numpy(np.load(options.indices)).long().clamp(min=0)
    latents = codebooks[torch.arange(len(codebooks)), indices]
    latents[:, :, quality:] = 0
    with torch.inference_mode():
        image = decoder(latents.flatten(2), quality)
    pixels = ((image + 0.5) * 255).round().clamp(0, 255).to(torch.uint8)
    np.save(options.output, pixels.numpy())


if __name__ == "__main__":
    main()
