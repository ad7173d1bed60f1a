"""Sums over all tokens of a picture, for networks that see it window by window.

A layer whose statistics run over all tokens (cross-covariance attention, group normalisation)
would have other statistics in each window of a picture. Given a mask of the tokens that count, such
a layer reduces them to sums, and names these sums in the traced program. Whoever runs windows
can then stop the program there, add up the sums of all windows, and go on with the total.
"""

import jax
from jax.ad_checkpoint import checkpoint_name

NAME = "picture_sums"


def picture_sums(local: jax.Array) -> jax.Array:
    """Marks sums over one window's tokens, to be replaced by their total over all windows.

    In itself the identity, so that one window is a whole picture.
    """
    return checkpoint_name(local, NAME)
