"""The measurements that the claims need, each by one `pqmim evaluate` command."""

import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from claims.curves import Curve

NEAREST = "0"  # lambda: nearest codewords, the same indices whatever the entropy model


class Evaluations:
    """Of the models of one seed; a command runs when its result is first asked for."""

    def __init__(self, workdir: Path, pictures: Path, seed: int, run: Callable[[list[str]], None]):
        """`run` takes the arguments of a `pqmim` command."""
        self._workdir, self._pictures, self._seed, self._run = workdir, pictures, seed, run

    @property
    def product_and_plain(self) -> tuple[Curve, Curve]:
        """(PQ, VQ): nested qualities at their nearest codewords, VQ at several lambdas."""
        plain = self._document("vq", "rates", "--lambda", "0,2000,8000")
        return self._curve(self._nested), self._curve(plain)

    @property
    def staged_and_one_shot(self) -> tuple[Curve, Curve]:
        """The same indices under the MIM stage by stage, and all at once."""
        options = ("--quality", "12", "--lambda", NEAREST, "--schedule", "one_shot")
        one_shot = self._document("pq", "one-shot", *options)
        return (
            self._curve(self._nested, [f"q12-l{NEAREST}"]),
            self._curve(one_shot),
        )

    @property
    def ours_and_hyperprior(self) -> tuple[Curve, Curve]:
        """(PQ-MIM at its own lambdas, hyperprior at all its rates)."""
        ours = self._document("pq", "own-lambda", "--quality", "4,8,12")
        return self._curve(ours), self._curve(self._document("hyperprior", "rates"))

    @property
    def perceptual_and_hific(self) -> tuple[Curve, Curve]:
        """(PQ-MIM, hyperprior), both after perceptual fine-tuning."""
        ours, other = self._perceptual
        return self._curve(ours), self._curve(other)

    @property
    def perceptual_sets(self) -> tuple[list[dict], list[dict]]:
        """The settings of the same two with their FID and KID."""
        ours, other = self._perceptual
        return ours["codecs"][0]["settings"], other["codecs"][0]["settings"]

    @cached_property
    def _nested(self) -> dict:
        return self._document("pq", "nested", "--quality", "1,3,6,9,12", "--lambda", NEAREST)

    @cached_property
    def _perceptual(self) -> tuple[dict, dict]:
        features = ("--features", "vgg16")
        return (
            self._document("perceptual", "rates", "--quality", "4,8,12", *features),
            self._document("hific", "rates", *features),
        )

    def _document(self, model: str, what: str, *options: str) -> dict:
        name = f"{model}-{self._seed}"
        folder = self._workdir / "evaluations" / f"{name}-{what}"
        arguments = ["evaluate", self._pictures, "--model", self._workdir / name]
        self._run([*map(str, arguments), *options, "--report", str(folder)])
        return json.loads((folder / "evaluation.json").read_text())

    @staticmethod
    def _curve(document: dict, settings: list[str] | None = None) -> Curve:
        return Curve(document, document["codecs"][0]["name"], settings)
