"""FID and KID of one setting: features of its decoded patches against those of the originals."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pqmim_jax.evaluation.folder import EvaluationFolder, read_png
from pqmim_jax.evaluation.pictures import EvaluatedPicture
from pqmim_jax.evaluation.schema import Features, Record
from pqmim_jax.images import read_image, write_atomically

_FILE = "feature_scores.json"

Scores = tuple[float | None, float | None, float | None]  # FID, KID, its standard error


class FeatureScores:
    """Computes the scores of settings, each once: they are kept beside the records."""

    def __init__(self, extractor, folder: EvaluationFolder, pictures: Sequence[EvaluatedPicture]):
        """`extractor`: a `FeatureExtractor`; the folder must keep decoded pictures."""
        self._extractor = extractor
        self._folder = folder
        self._pictures = pictures
        self._path = folder.path / _FILE
        self._known = _read(self._path)
        self._originals: np.ndarray | None = None
        self.notes: list[str] = []

    def describe(self) -> Features:
        """Whose features they are."""
        return Features(name=self._extractor.name, comparable=self._extractor.comparable)

    def __call__(self, records: Sequence[Record]) -> Scores:
        """Of the records of one setting, one for each picture; None where patches are too few.

        Patches are HiFiC's (`hific_patches`), of all pictures together.
        """
        key = self._key(records)
        if key not in self._known:
            self._known[key] = self._compute(records)
            text = json.dumps(self._known, indent=1)
            write_atomically(self._path, text.encode(), overwrite=True)
        return tuple(self._known[key])

    def _compute(self, records: Sequence[Record]) -> Scores:
        from pqmim_jax.evaluation.perceptual import fid, kid

        if self._originals is None:
            self._originals = self._features(read_image(p.path) for p in self._pictures)
        place = records[0]["codec"], records[0]["setting"]
        paths = [self._folder.picture_path(*place, p.stem) for p in self._pictures]
        try:
            decoded = self._features(map(read_png, paths))
            value, error = kid(self._originals, decoded)
            return fid(self._originals, decoded), value, error
        except ValueError as error:
            note = f"no FID and KID: {error}"
            if note not in self.notes:
                self.notes.append(note)
            return None, None, None

    def _features(self, images) -> np.ndarray:
        from pqmim_jax.evaluation.perceptual import hific_patches

        return np.concatenate([self._extractor(hific_patches(image)) for image in images])

    def _key(self, records: Sequence[Record]) -> str:
        weights = getattr(self._extractor, "weights_sha256", "")
        parts = [self._extractor.name, weights, *(record["key"] for record in records)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _read(path: Path) -> dict[str, Scores]:
    try:
        return {key: tuple(scores) for key, scores in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}  # absent or damaged: the scores are computed again
