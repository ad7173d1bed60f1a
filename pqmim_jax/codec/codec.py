"""The codec: a loaded model that turns images into `.pqm` bytes and back."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pqmim_jax import masking, model_store
from pqmim_jax.codec import channels, reading, transform, writing
from pqmim_jax.codec.fill import Fill
from pqmim_jax.codec.order import CodingOrder
from pqmim_jax.codec.program_set import Model, ProgramSet
from pqmim_jax.codec.quantization import as_compared, squared_distances
from pqmim_jax.codec.rate_control import fit_to_size
from pqmim_jax.codec.refinement import refine
from pqmim_jax.codec.resize import enlarge, reduce
from pqmim_jax.codec.results import DecodedImage, EncodedImage, FileInfo
from pqmim_jax.codec.settings import ModelLimits, Settings, check_settings
from pqmim_jax.codec.windows import WindowGrid
from pqmim_jax.coding import ALPHA, EXIF, ICC_PROFILE, Header, unpack
from pqmim_jax.limits import MAX_PIXELS


class Codec:
    """Compresses pictures of any size; see README for ten lines of use."""

    def __init__(self, model: Model, programs: ProgramSet, codebooks: np.ndarray):
        """Use `Codec.load`, or `pqmim_jax.runtime.load_codec` without JAX.

        Args:
          programs: of the model.
          codebooks: (M, K, d) float32, as compared and looked up.
        """
        self.model = model
        self.programs = programs
        self._f = model.config["autoencoder"]["f"]
        self._codec_config = model.config["codec"]
        self.codebooks = codebooks
        self.default_schedule = masking.canonical(self._codec_config["schedule"])

    @classmethod
    def load(
        cls, name_or_path: str | Path = model_store.DEFAULT, *, threads: int | None = None
    ) -> "Codec":
        """Loads a packaged model by name, or a model folder, or a training workdir.

        Args:
          threads: how many windows or regions are coded at once (any number gives the same bytes).

        Raises:
          ModelError: there is no such model, or its files are damaged.
        """
        return cls.of(model_store.load_model(name_or_path), threads=threads)

    @classmethod
    def of(cls, model: model_store.StoredModel, *, threads: int | None = None) -> "Codec":
        """The codec of a model in memory; `threads` as in `load`."""
        from pqmim_jax.codec.programs import Programs  # JAX: other runtimes do without

        return cls(model, Programs(model, threads), as_compared(model))

    @property
    def qualities(self) -> int:
        """Number of qualities M: 1 is the smallest file, M the best picture."""
        return self.model.config["autoencoder"]["num_codebooks"]

    @property
    def pixels_per_token(self) -> int:
        """Side f of the square of pixels that one token stands for."""
        return self._f

    @property
    def limits(self) -> ModelLimits:
        """What `compress` can be asked for, and its defaults."""
        weights = self._codec_config["rate_weights"] or [0.0] * self.qualities
        config = self._codec_config
        return ModelLimits(
            self.qualities,
            tuple(weights),
            self.default_schedule,
            config["window"],
            config.get("refinement_steps", 0),  # models of before the field was there
            _for_each(config.get("curvature", 1.0), self.qualities),
        )

    def compress(self, image: np.ndarray, **options) -> bytes:
        """A whole `.pqm` file; arguments and errors as `encode`."""
        return self.encode(image, **options).data

    def encode(
        self,
        image: np.ndarray,
        *,
        quality: int | None = None,
        rate_weight: float | None = None,
        schedule: str | None = None,
        stages: int | None = None,
        shrink: int = 1,
        refinement_steps: int | None = None,
        icc_profile: bytes | None = None,
        exif: bytes | None = None,
    ) -> EncodedImage:
        """`compress`, with what the encoder knows besides the bytes.

        Args:
          image: uint8 (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB or (H, W, 4) RGBA,
            H and W >= 1. Alpha is kept without loss.
          quality: 1..M, how many sub-quantizers are sent; default M.
          rate_weight: lambda >= 0 of rate-aware quantization, the squared error (8-bit units,
            summed over a token) that one bit may cost; 0 sends the nearest codewords; default
            the model's for this quality.
          schedule: coding order, e.g. "qlds(stages=8)"; default the model's.
          stages: send so many stages of the schedule only and leave the rest to the decoder's
            MIM (the paper's hybrid mode); default all.
          shrink: code the picture smaller by this factor, 1..64; the decoder enlarges it again.
          refinement_steps: 0..100, how often the picture is decoded while codewords are chosen, so
            that they are chosen for the picture's error (`codec.refinement`); each step takes
            about twice a decoder network; default the model's, none where lambda is 0.
          icc_profile: colour profile to keep with the picture.
          exif: EXIF data to keep with the picture.

        Raises:
          ValueError: the image or an option is not usable.
        """
        settings = check_settings(
            self.limits,
            quality=quality,
            rate_weight=rate_weight,
            schedule=schedule,
            stages=stages,
            shrink=shrink,
            refinement_steps=refinement_steps,
        )
        prepared = self.prepare(image, icc_profile=icc_profile, exif=exif)
        return self.encode_prepared(prepared, settings)

    def compress_to_size(self, image: np.ndarray, target_bytes: int, **options) -> bytes:
        """The best file of at most `target_bytes`; arguments and errors as `encode_to_size`."""
        return self.encode_to_size(image, target_bytes, **options).data

    def encode_to_size(
        self,
        image: np.ndarray,
        target_bytes: int,
        *,
        schedule: str | None = None,
        icc_profile: bytes | None = None,
        exif: bytes | None = None,
    ) -> EncodedImage:
        """The best file of at most `target_bytes`; other arguments as `encode`.

        Searches over quality, lambda and shrink; within 3% below the target where the model
        reaches that far.

        Raises:
          ValueError: the smallest possible file is larger; or as `encode`.
        """
        if target_bytes < 1:
            raise ValueError(f"target must be at least 1 byte, got {target_bytes}")
        prepared = self.prepare(image, icc_profile=icc_profile, exif=exif)
        return fit_to_size(self, prepared, target_bytes, schedule)

    def decompress(self, data: bytes, **options) -> np.ndarray:
        """The picture of a `.pqm` file; arguments and errors as `decode`."""
        return self.decode(data, **options).pixels

    def decode(
        self,
        data: bytes,
        *,
        allow_truncated: bool = False,
        fill: str = "mean",
        temperature: float = 1.0,
        seed: int = 0,
        max_pixels: int = MAX_PIXELS,
    ) -> DecodedImage:
        """`decompress`, with what the file holds besides the picture.

        Args:
          data: of a whole file, or with `allow_truncated` at least its header.
          allow_truncated: of a file that is cut short, or damaged where that can be located,
            decode what is there; the MIM fills in the rest and `damage` says so.
          fill: what stands for indices that the file does not hold: "mean", "argmax" or
            "sample".
          temperature: of "sample", > 0; below 1 likely codewords are drawn more often.
          seed: of "sample", >= 0.
          max_pixels: larger pictures are refused.

        Raises:
          PqmError: not a .pqm file, made with another model, too large, truncated or damaged;
            never a silently wrong picture. Another decoder of the same indices is none of these:
            then `decoder_matches` is False.
          ValueError: an option is not usable.
        """
        make_fill = partial(Fill, fill, self.codebooks, temperature, seed)
        make_fill()  # a wrong option is the caller's mistake, whatever the file
        header, content = self._read(data, make_fill, max_pixels, tolerant=allow_truncated)
        latents = self._look_up(content.indices, header.quality)
        content.fill.soften(latents)
        grid = self._grid(*header.coded_size)
        coded = transform.decode_latents(self.programs, grid, latents, header.quality)
        size = (header.height, header.width)
        kept = content.attachments
        alpha = None
        if header.alpha:
            lost = ALPHA not in kept
            alpha = channels.opaque(size) if lost else channels.decode_alpha(kept[ALPHA], size)
        pixels = channels.join(enlarge(coded, size), grey=header.grey, alpha=alpha)
        matches = header.decoder == self.model.decoder
        return DecodedImage(pixels, kept.get(ICC_PROFILE), kept.get(EXIF), content.damage, matches)

    def info(self, data: bytes, *, max_pixels: int = MAX_PIXELS) -> FileInfo:
        """Header and the bits of each stage; checks the whole file, raises as `decode`."""
        make_fill = partial(Fill, "argmax", self.codebooks, 1.0, 0)
        header, content = self._read(data, make_fill, max_pixels, tolerant=False)
        schedule = header.schedule or self.default_schedule
        before = len(data) - len(unpack(data)[1].data)
        return FileInfo(
            header, schedule, len(data), content.stage_bits, before + content.stage_ends
        )

    def prepare(
        self, image: np.ndarray, *, icc_profile: bytes | None = None, exif: bytes | None = None
    ) -> writing.PreparedImage:
        """What of an image does not depend on how it will be coded; arguments as `encode`."""
        colour, alpha = channels.split(image)
        coded_alpha = None if alpha is None else channels.encode_alpha(alpha)
        attachments = {ALPHA: coded_alpha, ICC_PROFILE: icc_profile, EXIF: exif}
        kept = {kind: data for kind, data in attachments.items() if data is not None}
        return writing.PreparedImage(colour, channels.is_grey(image), kept)

    def encode_prepared(self, prepared: writing.PreparedImage, settings: Settings) -> EncodedImage:
        """`encode` of what `prepare` made: the encoder network runs once for each `shrink`."""
        if settings.shrink not in prepared.reduced:
            reduced = reduce(prepared.colour, settings.shrink)
            prepared.reduced[settings.shrink] = reduced, self.encode_latents(reduced)
        latents, rate_weights = self.refined(*prepared.reduced[settings.shrink], settings)
        height, width = prepared.colour.shape[:2]
        schedule = None if settings.schedule == self.default_schedule else settings.schedule
        header = Header(
            width,
            height,
            settings.quality,
            self.model.fingerprint,
            self.model.decoder,
            schedule,
            grey=prepared.grey,
            shrink=settings.shrink,
            stages=settings.stages,
        )
        order = self.coding_order(header)
        data, indices, index_bits, stage_bits = writing.write(
            self.programs,
            order,
            header,
            latents,
            self.codebooks,
            rate_weights,
            prepared.attachments,
        )
        return EncodedImage(data, indices, index_bits, stage_bits, settings)

    def refined(
        self, image: np.ndarray, latents: np.ndarray, settings: Settings
    ) -> tuple[np.ndarray, np.ndarray]:
        """Sub-vectors (h, w, M, d) to choose codewords for, and lambda (M,) of that choice.

        Args:
          image: (H, W, 3) uint8 as it is coded.
          latents: its `encode_latents`; they come back as they are where nothing is refined.
        """
        if not settings.refines or not self.programs.can_correct:
            return latents, np.full(self.qualities, settings.rate_weight)
        grid, counts = self._grid(*image.shape[:2]), self.model.counts
        return refine(self.programs, grid, image, latents, self.codebooks, counts, settings)

    def encode_latents(self, image: np.ndarray) -> np.ndarray:
        """Sub-vectors (h, w, M, d) float32 of an image (H, W, 3) uint8: the encoder network."""
        grid = self._grid(*image.shape[:2])
        latents = transform.encode_latents(self.programs, grid, image)
        return latents.reshape(*grid.tokens, self.qualities, -1)

    def nearest_indices(self, image: np.ndarray) -> np.ndarray:
        """(h, w, M) int32: the nearest codewords, what is sent where `rate_weight` is 0."""
        latents = self.encode_latents(image)
        flat = latents.reshape(-1, *latents.shape[2:])
        columns = [
            np.argmin(squared_distances(flat[:, m], codebook), axis=-1)
            for m, codebook in enumerate(self.codebooks)
        ]
        return np.stack(columns, axis=-1).astype(np.int32).reshape(latents.shape[:3])

    def decode_indices(
        self, indices: np.ndarray, quality: int, size: tuple[int, int]
    ) -> np.ndarray:
        """Picture (H, W, 3) uint8 of indices (h, w, M): the decoder network alone.

        Args:
          quality: sub-quantizers from this one on are ignored.
          size: (H, W) in pixels.
        """
        latents = self._look_up(indices, quality)
        return transform.decode_latents(self.programs, self._grid(*size), latents, quality)

    def _look_up(self, indices: np.ndarray, quality: int) -> np.ndarray:
        """Codewords (h, w, M, d) float32, zeros from `quality` on."""
        codewords = self.codebooks[np.arange(self.qualities), np.maximum(indices, 0)]
        codewords[:, :, quality:] = 0
        return codewords

    def _read(self, data, make_fill, max_pixels, *, tolerant) -> tuple[Header, reading.Content]:
        header, payload = unpack(data)
        reading.check_header(header, self.model, max_pixels)
        order = self.coding_order(header)
        if not tolerant:
            reading.check_length(header, order, self.codebooks.shape[1], len(payload.data))
        content = reading.read_content(
            self.programs, order, header, payload, make_fill, tolerant=tolerant
        )
        return header, content

    def coding_order(self, header: Header) -> CodingOrder:
        """In which order a file with this header holds its indices."""
        schedule = header.schedule or self.default_schedule
        grid = self._grid(*header.coded_size)
        return CodingOrder(grid, self.qualities, header.quality, schedule)

    def _grid(self, height: int, width: int) -> WindowGrid:
        config = self._codec_config
        return WindowGrid(height, width, self._f, config["window"], config["halo"])


def _for_each(value: float | Sequence[float], count: int) -> tuple[float, ...]:
    """One number for each of `count`: those of a sequence, or the same for all."""
    return tuple(value) if isinstance(value, Sequence) else (value,) * count
