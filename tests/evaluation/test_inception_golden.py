"""The FID network against pytorch-fid's, with weights from formulas."""

import json
from pathlib import Path

import numpy as np
import pytest
from golden import features, pairs

from pqmim_jax.evaluation.feature_extractors import InceptionFeatures
from pqmim_jax.evaluation.inception_weights import inception_shapes, load_inception
from pqmim_jax.weight_files.errors import WeightsError

GOLDEN = json.loads((Path(__file__).parent / "golden" / "perceptual.json").read_text())


def torch_shapes():
    for name, (height, width, inputs, outputs) in inception_shapes().items():
        prefix = name.replace("/", ".")
        yield f"{prefix}.conv.weight", (outputs, inputs, height, width)
        for suffix in ("weight", "bias", "running_mean", "running_var"):
            yield f"{prefix}.bn.{suffix}", (outputs,)


def test_inception_equals_the_reference(tmp_path):
    path = tmp_path / "inception.npz"
    np.savez(path, **{name: features.network_tensor(name, s) for name, s in torch_shapes()})
    extractor = InceptionFeatures(path, batch=2)
    pictures = [pairs.make_pair(*pairs.PAIRS[i])[0] for i in (14, 17)]
    assert {picture.shape for picture in pictures} == {(67, 90, 3)}
    found = extractor(np.stack(pictures))
    assert found.shape == (2, 2048)
    np.testing.assert_allclose(found[:, ::16], GOLDEN["inception"], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"fc.bias": np.zeros(1000)}, "weights of torchvision's ImageNet classifier"),
        ({"AuxLogits.fc.bias": np.zeros(9)}, "weights of torchvision's ImageNet classifier"),
        ({"fc.bias": np.zeros(1008)}, r"Conv2d_1a_3x3\.conv\.weight is missing"),
        (
            {"Conv2d_1a_3x3.conv.weight": np.zeros((32, 3, 5, 5))},
            r"is \(32, 3, 5, 5\), expected \(32, 3, 3, 3\)",
        ),
    ],
)
def test_other_networks_are_refused(tmp_path, tensors, message):
    path = tmp_path / "other.npz"
    np.savez(path, **tensors)
    with pytest.raises(WeightsError, match=message):
        load_inception(path)


def test_arrays_of_objects_are_refused(tmp_path):
    path = tmp_path / "objects.npz"
    np.savez(path, a=np.array([print], object))
    with pytest.raises(WeightsError, match="allow_pickle"):
        load_inception(path)
