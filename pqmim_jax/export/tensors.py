"""Models as plain named tensors (safetensors), for PyTorch and others."""

from importlib import metadata

import numpy as np

from pqmim_jax.model_store import StoredModel, flatten

WEIGHTS = "weights.safetensors"
NAMES = "NAMES.txt"
_GUIDE = """\
Tensors of {model}: the autoencoder's are float32, those of the MIM integers. A name is the path
of a layer, then the parameter's role:

  kernel        of a dense layer (inputs, outputs): the transpose of torch.nn.Linear.weight;
                of a depthwise 3x3 filter (3, 3, channels), zero padding;
                of a convolution (side, side, inputs, outputs)
  scale, bias   of a layer normalisation (epsilon 1e-6); bias also of dense layers and filters;
                of a convolution, where there is one, scale: factor on what each output gets, bias
                included
  temperature   (heads, 1, 1), factor on the correlations of a cross-covariance attention
  *_scale       of a block: factor on each channel of what a mixer adds
  codebooks     (M, K, d): codeword k of sub-quantizer m
  quality_bias  (M, M*d): row q-1 is added to latents of quality q before decoder.stem;
                (M, channels) of post_filter: likewise, after its stem

Of the MIM (names that begin with "mim."), which computes in exact integers:

  weights       int8, and for each output channel:
  shift, bias   sums are (inputs @ weights + bias) / 2**shift
  offset        of a 3x3 filter: what each tap adds to the bias where it lies inside the window
  embedding     (M, K+1, e): of indices, row K of what is masked; of the quality, in models that
                know it, (M, channels): row q-1 is added to what the stem gives, rounded
  position_bias (2n-1, 2n-1, heads), added to attention logits at query - key + n - 1
  exponential, reciprocal, rsqrt, gelu    tables, looked up by whole numbers

GELU is the tanh approximation. "config" in manifest.json has the widths, depths and heads.
The order of computation is in the repository: pqmim_jax/models and pqmim_jax/integer (JAX),
tools/torch_decoder.py
(the decoder in PyTorch).

"""


def tensors_export(model: StoredModel) -> tuple[dict, dict[str, bytes]]:
    """Manifest section "tensors" and the files of a model."""
    from safetensors.numpy import save

    tree = {"autoencoder": model.autoencoder, "mim": model.mim}
    named = {
        name.replace("/", "."): np.asarray(value, order="C")
        for name, value in flatten(tree).items()
    }
    described = {
        name: {
            "shape": list(value.shape),
            "dtype": value.dtype.name,
            "range": [value.min().item(), value.max().item()],
        }
        for name, value in sorted(named.items())
    }
    rows = [f"{name}  {tuple(value.shape)}" for name, value in sorted(named.items())]
    guide = _GUIDE.format(model=model.name) + "\n".join(rows) + "\n"
    return described, {WEIGHTS: save(named), NAMES: guide.encode()}


def tensors_versions() -> dict:
    """Of what made the files."""
    return {"safetensors": metadata.version("safetensors")}
