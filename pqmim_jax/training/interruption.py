"""Ending a run early: signals, and losing another process of the run."""

import signal

import jax


class TrainingError(RuntimeError):
    """A run cannot go on."""


class PeerLost(TrainingError):
    """Another process of the run, or a device, is gone; cleaning up would wait for it for ever."""


class Interrupted(RuntimeError):
    """A signal ended the run; it goes on from its checkpoint when started again."""


class StopOnSignal:
    """SIGTERM (preemption) and Ctrl-C end the loop after the step under way, with a checkpoint.

    In a run of several processes SIGTERM is left to JAX's preemption service, which they share.
    """

    def __init__(self):
        """Nothing is asked for yet."""
        self.requested = False

    def __enter__(self):
        """Takes the signals over."""
        self._previous = {}
        if jax.process_count() == 1:
            for number in (signal.SIGTERM, signal.SIGINT):
                self._previous[number] = signal.signal(number, self._request)
        return self

    def _request(self, number, frame):
        del number, frame
        self.requested = True

    def __exit__(self, *exc):
        """Gives the signals back."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)


def as_peer_lost(stage: str, step: int, error: jax.errors.JaxRuntimeError) -> TrainingError:
    """What a runtime error of a collective step means to the person who reads the log."""
    reason = str(error).strip().splitlines()[0]
    return PeerLost(
        f"{stage}: step {step} failed in process {jax.process_index()}, another process of the run "
        f"may be gone ({reason}); start all of them again to go on from the last checkpoint"
    )
