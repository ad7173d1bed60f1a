import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pqmim_jax.losses.adversarial import adaptive_weight, adversarial_loss, r1_penalty


def logits(*values):
    """(1, 1, n, 1): one image of n patches."""
    return np.array(values, np.float32).reshape(1, 1, -1, 1)


LOG_2 = np.log(2)
AT_3 = np.log1p(np.exp(-3))  # -log sigmoid(3)


@pytest.mark.parametrize(
    ("name", "real", "fake", "discriminator", "generator"),
    [
        ("hinge", [0], [0], 2, 0),
        ("hinge", [3], [-2], 0, 2),  # beyond the margin nothing is gained
        ("hinge", [0.5, -1], [0.25, -3], 0.25 + 1 + 0.625, 1.375),
        ("non_saturating", [0], [0], 2 * LOG_2, LOG_2),
        ("non_saturating", [3], [-3], 2 * AT_3, 3 + AT_3),
        ("non_saturating", [3, 0], [0, 0], AT_3 / 2 + LOG_2 / 2 + LOG_2, LOG_2),
    ],
)
def test_losses_by_hand(name, real, fake, discriminator, generator):
    of_discriminator, of_generator = adversarial_loss(name)
    np.testing.assert_allclose(
        of_discriminator(logits(*real), logits(*fake)), [discriminator], rtol=1e-6
    )
    np.testing.assert_allclose(of_generator(logits(*fake)), [generator], rtol=1e-6, atol=1e-7)


def test_losses_of_confident_players_stay_finite():
    of_discriminator, of_generator = adversarial_loss("non_saturating")
    assert of_discriminator(logits(-1000), logits(1000)) == pytest.approx(2000)
    assert of_generator(logits(-1000)) == pytest.approx(1000)


def test_an_unknown_loss_lists_the_choices():
    with pytest.raises(ValueError, match=r"'wgan'.*hinge, non_saturating"):
        adversarial_loss("wgan")


def test_r1_is_the_squared_slope_whatever_the_size_of_the_image():
    slope = np.array([3.0, -4.0, 0.0], np.float32)

    def logits_of(images):  # one logit a pixel, linear in its colour
        return images @ slope[:, None]

    for side in (2, 5):
        images = np.random.default_rng(side).normal(size=(4, side, side, 3)).astype(np.float32)
        np.testing.assert_allclose(r1_penalty(logits_of, images), np.full(4, 25.0), rtol=1e-5)


def test_r1_of_one_logit_an_image_is_the_norm_of_its_gradient():
    images = np.random.default_rng(0).normal(size=(3, 4, 4, 3)).astype(np.float32)

    def logits_of(images):
        return jnp.sin(images).sum((1, 2, 3)).reshape(-1, 1, 1, 1)

    expected = (np.cos(images) ** 2).sum((1, 2, 3))
    np.testing.assert_allclose(r1_penalty(logits_of, images), expected, rtol=1e-5)


def test_the_adaptive_weight_is_a_ratio_of_norms_with_a_limit_and_without_a_gradient():
    a, b = np.array([[3.0, 0], [0, 4]], np.float32), np.array([[0, 0.5], [0, 0]], np.float32)
    assert adaptive_weight(a, b) == pytest.approx(10, rel=1e-3)
    assert adaptive_weight(np.zeros_like(a), b) == 0
    assert adaptive_weight(1e6 * a, b) == 1e4
    assert np.isfinite(adaptive_weight(a, np.zeros_like(b)))
    assert not np.any(jax.grad(adaptive_weight)(a, b))
