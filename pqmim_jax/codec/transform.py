"""The autoencoder over a picture of any size, window by window."""

import numpy as np


def encode_latents(programs, grid, image):
    """(H, W, 3) uint8 -> (h, w, M*d) float32."""
    latents = np.zeros((*grid.tokens, programs.latent_width), np.float32)
    cores = programs.map(lambda o: programs.encode(grid.pixels_of(image, o)), grid.origins)
    for origin, core in zip(grid.origins, cores, strict=True):
        grid.place(latents, origin, core, 1)
    return latents


def decode_latents(programs, grid, latents, quality):
    """(h, w, M, d) float32 -> (H, W, 3) uint8."""
    picture = np.zeros((grid.height, grid.width, 3), np.uint8)
    flat = latents.reshape(*grid.tokens, -1)
    cores = programs.map(
        lambda o: programs.decode(grid.codes_of(flat, o), np.int32(quality)), grid.origins
    )
    for origin, core in zip(grid.origins, cores, strict=True):
        grid.place(picture, origin, core, grid.f)
    return picture
