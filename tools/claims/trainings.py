"""Which models the claims need, each as the `pqmim train` command that makes it.

One budget for every codec: as many pixels of training crops. PQ-MIM and VQ-MIM split theirs over
autoencoder and MIM, the hyperprior has one stage; perceptual fine-tuning gets its own on top, the
same for both codecs.
"""

from dataclasses import dataclass
from pathlib import Path

CONFIGS = Path(__file__).parents[2] / "configs"
CROP, BATCH = 128, 16  # of autoencoders and hyperprior
PERCEPTUAL_BATCH = 8
WINDOW, MIM_BATCH = 320, 8  # pixels a side that a MIM sees: 16 + 2 * 2 tokens of 16
# Of the budget; the MIM gets the rest: the autoencoder starts from PCA and is ahead (ours).
AUTOENCODER_SHARE = 0.3


@dataclass(frozen=True)
class Budget:
    """Megapixels of training crops that every model sees."""

    codec: float
    perceptual: float

    @property
    def autoencoder_steps(self) -> int:
        """Of stage 1."""
        return _steps(self.codec * AUTOENCODER_SHARE, BATCH * CROP**2)

    @property
    def mim_steps(self) -> int:
        """Of stage 2."""
        return _steps(self.codec * (1 - AUTOENCODER_SHARE), MIM_BATCH * WINDOW**2)

    @property
    def hyperprior_steps(self) -> int:
        """Of the only stage: the whole budget."""
        return _steps(self.codec, BATCH * CROP**2)

    @property
    def perceptual_steps(self) -> int:
        """Of the fine-tuning."""
        return _steps(self.perceptual, PERCEPTUAL_BATCH * CROP**2)


def _steps(megapixels: float, pixels_a_step: int) -> int:
    return max(1, round(megapixels * 1e6 / pixels_a_step))


@dataclass(frozen=True)
class Training:
    """One workdir and the arguments that fill it."""

    name: str
    config: str
    overrides: dict[str, object]

    def arguments(self, workdir: Path) -> list[str]:
        """Of `pqmim`."""
        values = [f"--config.{key}={value}" for key, value in self.overrides.items()]
        config = str(CONFIGS / f"{self.config}.py")
        return ["train", f"--config={config}", f"--workdir={workdir / self.name}", *values]


def trainings(budget: Budget, photos: Path, workdir: Path, seed: int) -> list[Training]:
    """In an order in which each finds what it starts from."""
    common = {"seed": seed, "data.source": f"folder:{photos}", "checkpoints.every": 100}
    stages = {
        "stages": "pqvae,mim",
        "pqvae_training.steps": budget.autoencoder_steps,
        "pqvae_training.batch_size": BATCH,
        "pqvae_training.crop": CROP,
        "mim_training.steps": budget.mim_steps,
        "mim_training.batch_size": MIM_BATCH,
    }
    hyperprior = {
        "hyperprior_training.steps": budget.hyperprior_steps,
        "hyperprior_training.batch_size": BATCH,
        "hyperprior_training.crop": CROP,
    }
    fine_tuned = {
        "perceptual_training.steps": budget.perceptual_steps,
        "perceptual_training.batch_size": PERCEPTUAL_BATCH,
        "perceptual_training.crop": CROP,
    }

    def start(name: str) -> dict[str, object]:
        return {"perceptual_training.start_from": workdir / f"{name}-{seed}"}

    return [
        Training(f"pq-{seed}", "small_pqvae", common | stages),
        Training(f"vq-{seed}", "vqvae", common | stages),
        Training(f"hyperprior-{seed}", "hyperprior", common | hyperprior),
        Training(f"perceptual-{seed}", "small_perceptual", common | fine_tuned | start("pq")),
        Training(f"hific-{seed}", "hific", common | fine_tuned | start("hyperprior")),
    ]
