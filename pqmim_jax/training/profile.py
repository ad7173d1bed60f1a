"""A trace of some steps for TensorBoard's profiler or Perfetto."""

import jax

_SKIPPED = 10  # steps before the trace: caches and the input pipeline are warm after them


class Profile:
    """Traces `steps` steps of a run, from the eleventh that this process makes, into a folder."""

    def __init__(self, directory, first_step: int, steps: int):
        """`steps` = 0 traces nothing; only process 0 traces."""
        self._directory = directory
        self._start = first_step + _SKIPPED + 1
        self._stop = self._start + steps
        self._wanted = steps > 0 and jax.process_index() == 0
        self._running = False

    def before(self, step: int) -> None:
        """To be called before every step."""
        if self._wanted and step == self._start:
            jax.profiler.start_trace(str(self._directory))
            self._running = True

    def after(self, step: int, results) -> None:
        """To be called after every step with what it computed."""
        if self._running and step + 1 >= self._stop:
            jax.block_until_ready(results)
            self.close()

    def close(self) -> None:
        """Ends a trace under way."""
        if self._running:
            jax.profiler.stop_trace()
            self._running = False
