"""Films: panels and captions beside each other, never on each other."""

import numpy as np

from pqmim_jax.images.film import draw_film

CAPTION = "stage 1 of 5: 12345 bytes"


def ink(sheet):
    """Columns in which something is drawn."""
    return (sheet < 255).any(axis=(0, 2))


def test_captions_of_narrow_pictures_do_not_run_into_each_other():
    narrow = np.zeros((20, 10, 3), np.uint8)
    one = draw_film([(narrow, CAPTION)], 384)
    two = draw_film([(narrow, CAPTION)] * 2, 384)
    # The second panel is the first once more, with a gap between them.
    assert 2 * ink(one).sum() == ink(two).sum()
    assert not ink(two)[two.shape[1] // 2]


def test_pictures_of_different_sizes_are_all_whole():
    wide, high = np.full((30, 200, 3), 1, np.uint8), np.full((200, 30, 3), 2, np.uint8)
    sheet = draw_film([(wide, "a"), (high, "b")] * 6, 384)
    for pixels in (wide, high):
        assert (sheet == pixels[0, 0]).all(axis=2).sum() == 6 * pixels[..., 0].size


def test_wide_pictures_are_made_smaller_and_transparency_is_white():
    clear = np.zeros((40, 100, 4), np.uint8)
    sheet = draw_film([(clear, "")], 50)
    assert (sheet == 255).all()
    assert sheet.shape[1] < 100
