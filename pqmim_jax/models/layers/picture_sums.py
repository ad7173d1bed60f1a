"""Sums over all tokens of a picture, for networks that see it region by region.

A layer whose statistics run over all tokens (cross-covariance attention, group normalisation)
would have other statistics in each region of a picture. Given a mask of the tokens that count, such
a layer reduces them to sums, and names these sums in the traced program. Whoever runs regions
can then stop the program there, add up the sums of all regions, and go on with the total.
"""

import jax
from jax.ad_checkpoint import checkpoint_name

NAME = "picture_sums"


def picture_sums(local: jax.Array) -> jax.Array:
    """Marks sums over one region's tokens, to be replaced by their total over all regions.

    In itself the identity, so that one region is a whole picture.
    """
    return checkpoint_name(local, NAME)
