"""The input pipeline alone: images a second, a core, and how many cores a chip needs.

python tools/benchmark_input.py --config=configs/imagenet_pqvae.py \\
    [--config.data.source=folder:DIR] [--seconds 20] [--images-per-chip-second 1000]

Reads the first stage's training batches as `pqmim train` would as a single process, and throws
them away. Nothing is put on a device. Run it on an otherwise idle machine, over some thousand
pictures: grain shuffles small sets slowly (1 ms an image of 50 pictures), and files that the
operating system holds in memory hide the time of the disk.
"""

import argparse
import math
import os
import time

BATCH_SIZE = 16  # small, so that a few seconds hold many; the cost of an image is the same


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", required=True, metavar="FILE")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument(
        "--images-per-chip-second",
        type=float,
        default=1000.0,
        metavar="N",
        help="what one accelerator consumes",
    )
    options, extra = parser.parse_known_args(arguments)
    if options.seconds <= 0 or options.images_per_chip_second <= 0:
        parser.error("--seconds and --images-per-chip-second must be > 0")

    from pqmim_jax.allocator import keep_freed_memory
    from pqmim_jax.cli.train import collect_overrides
    from pqmim_jax.training.config import load_config

    keep_freed_memory()  # as the command does
    try:
        config = load_config(options.config, collect_overrides(extra))
        batches, crop = open_batches(config)
        images, wall, cpu = measure(batches, options.seconds)
    except ValueError as error:
        parser.error(str(error))
    report(config.data, crop, images, wall, cpu, options.images_per_chip_second)


def open_batches(config):
    """Training batches of a config's first stage, and the side of their crops."""
    from ml_collections import ConfigDict

    from pqmim_jax.data import train_iterator

    crop = config[f"{config.stages[0]}_training"].crop
    data = ConfigDict({**config.data.to_dict(), "crop": crop})
    return train_iterator(data, batch_size=BATCH_SIZE, seed=config.seed), crop


def measure(batches, seconds: float) -> tuple[int, float, float]:
    """Images read in about `seconds`, the seconds, and the CPU seconds of the whole process.

    Clocks start in the steady state: when the first batches come, others are already in work.
    """
    warm_until = time.perf_counter() + min(3.0, seconds / 4)
    next(batches)
    while time.perf_counter() < warm_until:
        next(batches)
    images, wall, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - wall < seconds:
        images += len(next(batches)["image"])
    return images, time.perf_counter() - wall, time.process_time() - cpu


def report(data, crop: int, images: int, wall: float, cpu: float, wanted: float) -> None:
    per_core = images / cpu
    print(f"{data.source}: {data.augmentation} {crop}, cache {data.cache_mb} MiB,")
    print(f"{data.num_threads} threads on {os.cpu_count()} cores, {wall:.1f} s")
    print(f"{'images/s':28} {images / wall:10.1f}")
    print(f"{'cores used':28} {cpu / wall:10.2f}")
    print(f"{'images/s per core':28} {per_core:10.1f}")
    print(f"{'MiB/s of crops':28} {images * crop**2 * 3 / wall / 2**20:10.1f}")
    cores = f"cores for {wanted:g} images/s"
    print(f"{cores:28} {math.ceil(wanted / per_core):10d}")


if __name__ == "__main__":
    main()
