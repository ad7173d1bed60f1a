"""Where the seconds of one `pqmim compress` go, in a fresh process with a warm disk cache.

    python tools/time_compress.py IMAGE [--model NAME]

Run it twice: the first run fills the compilation cache.
"""

import argparse
import itertools
import time

CLOCK = [("start", time.perf_counter())]


def mark(name: str) -> None:
    CLOCK.append((name, time.perf_counter()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("image")
    parser.add_argument("--model", default="small")
    options = parser.parse_args()

    from pqmim_jax.allocator import keep_freed_memory
    from pqmim_jax.codec import Codec
    from pqmim_jax.codec.entropy_coding import encode_indices
    from pqmim_jax.codec.quantization import choose, squared_distances
    from pqmim_jax.images import read_image

    keep_freed_memory()  # as the command does
    mark("imports")
    image = read_image(options.image)
    mark("read image")
    codec = Codec.load(options.model)
    mark("load model")
    programs = codec._programs
    programs.encode, programs.context, programs.head  # noqa: B018
    mark("compile, or read from cache")
    latents = codec.encode_latents(image)
    mark("encoder network")
    grid, m = codec._grid(*image.shape[:2]), codec.qualities

    def nearest(tables, rows, columns, m):
        distances = squared_distances(latents[rows, columns, m], codec._codebooks[m])
        return choose(distances, tables, 0.0)

    coder, _, _ = encode_indices(programs, grid, nearest, m, m, codec.default_schedule)
    mark("MIM: contexts, heads, tables")
    coder.finish(0)
    mark("rANS coder")
    for (_, before), (name, after) in itertools.pairwise(CLOCK):
        print(f"{name:32} {after - before:6.2f} s")
    print(f"{'sum, without starting Python':32} {CLOCK[-1][1] - CLOCK[0][1]:6.2f} s")


if __name__ == "__main__":
    main()
