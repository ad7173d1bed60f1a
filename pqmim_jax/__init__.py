"""PQ-MIM image compression: `from pqmim_jax import load_codec`."""

__version__ = "0.2.0"


def __getattr__(name: str):
    # Loaded on first use: `pqmim --help` and the NumPy-only rooms must not pay for JAX.
    if name == "Codec":
        from pqmim_jax.codec import Codec

        return Codec
    if name == "load_codec":
        from pqmim_jax.loading import load_codec

        return load_codec
    raise AttributeError(f"module 'pqmim_jax' has no attribute {name!r}")
