"""Data-dependent start of the hyperprior: PCA transform, gains by lambda, scales by data (ours).

The counterpart of `initialise_pqvae`, so that the two models start alike.
"""

import jax
import jax.numpy as jnp
import numpy as np

from pqmim_jax.losses.distortion import PEAK
from pqmim_jax.models.hyperprior import Hyperprior
from pqmim_jax.training.initialise_pqvae import lapped, principal_components
from pqmim_jax.training.pqvae_loss import to_network

# Published models are trained at 0.0018 .. 0.0483 for MSE and 2.4 .. 64 for MS-SSIM (Ballé et al.
# 2018, as in CompressAI's documentation): pairs of this ratio.
_MSE_PER_LAMBDA = {"mse": 1.0, "ms_ssim": 0.00075}


def initialise(model: Hyperprior, params: dict, images: np.ndarray, options) -> dict:
    """Parameters to start training from.

    Args:
      params: freshly initialised parameters of `model`.
      images: (N, H, W, 3) uint8 training crops.
      options: section `hyperprior_training`; its lambdas decide about the gains.

    Returns:
      parameters with the linear path (where the model has one), latents' deviations and gains
      set.
    """
    if model.linear_path:
        params = {**params, **_pca_linear_path(model, images)}
    encode = jax.jit(lambda x: model.apply({"params": params}, to_network(x), method="encode"))
    latents = np.concatenate(
        [np.asarray(encode(images[i : i + 8])) for i in range(0, len(images), 8)]
    )
    deviation = np.maximum(latents.reshape(-1, model.latent_channels).std(0), 1e-4)
    lambdas = _MSE_PER_LAMBDA[options.distortion] * np.asarray(options.lambdas, np.float64)
    step = step_sizes(lambdas) if model.linear_path else _relative_steps(deviation, lambdas)
    # What is lost to the dead zone should not be expected back: Wiener's factor.
    shrink = deviation**2 / (deviation**2 + step[:, None] ** 2 / 12)
    starts = {
        "log_deviation": np.log(deviation),
        "log_gain": np.broadcast_to(-np.log(step)[:, None], shrink.shape),
        "log_inverse_gain": np.log(step)[:, None] + np.log(shrink),
    }
    return {**params, **{name: jnp.asarray(a, jnp.float32) for name, a in starts.items()}}


def step_sizes(lambdas) -> np.ndarray:
    """Quantization steps of an orthonormal transform of samples on a 0..1-wide scale.

    At high rate a coefficient's squared error is step^2 / 12 and falls by step^2 * ln(2) / 6 a
    bit. Against bits + lambda * PEAK^2 / 3 * squared error (the loss per image, where a pixel has
    three samples) that balances at step^2 = 18 / (ln(2) * lambda * PEAK^2).
    """
    return np.sqrt(18 / (np.log(2) * np.asarray(lambdas, np.float64) * PEAK**2))


def _relative_steps(deviation: np.ndarray, lambdas) -> np.ndarray:
    """Steps for a transform of unknown norm: the middle rate's is a typical deviation."""
    step = step_sizes(lambdas)
    return step / np.exp(np.log(step).mean()) * np.median(deviation)


def _pca_linear_path(model: Hyperprior, images: np.ndarray) -> dict:
    """The first components of f x f patches, which most of the variance lies in."""
    mean, _, vectors = principal_components(images, model.f)
    basis = np.zeros((3 * model.f**2, model.latent_channels), np.float32)
    kept = min(basis.shape)
    basis[:, :kept] = vectors[:, :kept]
    return {
        "linear_analysis": {"kernel": lapped(basis, model.f), "bias": -(mean @ basis)},
        "linear_synthesis": {"kernel": lapped(basis, model.f).T, "bias": lapped(mean, model.f)},
    }
