"""Stage 1 on ImageNet, for many accelerators: a PQ-VAE with f = 16.

PQ-MIM, El-Nouby et al., arXiv 2212.07372. Publicly described of the paper: ImageNet, random resized
crops of 256 x 256, horizontal flips, 50 epochs, batch 256. Everything else is ours: architecture,
losses, rates, precision.

    TFDS_DATA_DIR=DIR pqmim train --config=configs/imagenet_pqvae.py --workdir=runs/imagenet

With a folder of pictures instead: --config.data.source=folder:DIR/train. We have not run it to its
end: neither the hours nor the score has been measured.
"""

from pqmim_jax.training import default_config

IMAGES = 1_281_167  # training set of ImageNet (ILSVRC 2012)
EPOCHS = 50  # publicly described of the paper
BATCH_SIZE = 256  # publicly described of the paper


def get_config():
    config = default_config.get_config()
    config.stages = ("pqvae",)
    config.data.update(
        source="tfds:imagenet2012",
        cache_mb=0,  # decoded, the set takes hundreds of GB
        augmentation="random_resized_crop",  # and flips: publicly described of the paper
        flip=True,
        crops_per_image=1,
        num_threads=16,  # a thread makes whole batches: no more of them than `prefetch`
        prefetch=16,
    )
    config.autoencoder.update(
        f=16,
        backbone="xcit",
        encoder_width=512,
        encoder_depth=12,
        decoder_width=512,
        decoder_depth=12,
        heads=8,
        num_codebooks=16,  # with 256 codewords: up to 0.5 bits a pixel before entropy coding
        num_codewords=256,
        codeword_dim=16,
        dtype="bfloat16",
    )
    config.pqvae_training.update(
        steps=round(EPOCHS * IMAGES / BATCH_SIZE),
        batch_size=BATCH_SIZE,
        crop=256,  # publicly described of the paper
        learning_rate=5e-4,
        warmup_steps=5000,
        initialise_images=512,
    )
    config.log_every = 100
    config.checkpoints.update(every=2000, keep_every=50_000)
    return config
