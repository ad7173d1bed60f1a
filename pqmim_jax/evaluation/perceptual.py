"""The perceptual metrics in one place; each has a file of its own beside this one."""

from pqmim_jax.evaluation.feature_distances import fid, kid
from pqmim_jax.evaluation.feature_extractors import FeatureExtractor, feature_extractor
from pqmim_jax.evaluation.lpips_metric import LpipsMetric
from pqmim_jax.evaluation.ms_ssim import ms_ssim
from pqmim_jax.evaluation.patches import hific_patches

__all__ = [
    "FeatureExtractor",
    "LpipsMetric",
    "feature_extractor",
    "fid",
    "hific_patches",
    "kid",
    "ms_ssim",
]
