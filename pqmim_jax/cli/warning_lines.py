"""Python's warnings, gathered for each input instead of printed as they come."""

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def other_decoder(header, model) -> str:
    """The line on a file that is decoded by another decoder than its header names."""
    return (
        f"decoded by another decoder than the file names: {header.decoder:04x} made the file, "
        f"model {model.name!r} has {model.decoder:04x}"
    )


class WarningLines:
    """Gathers the UserWarnings of each thread while `installed`.

    Python's filters and hook belong to the whole process, so one hook serves all threads, and
    each thread says where its warnings go.
    """

    def __init__(self):
        """Gathers nothing yet."""
        self._thread = threading.local()

    @contextmanager
    def installed(self) -> Iterator[None]:
        """Every UserWarning raised in a thread inside `gathered` is kept, not printed."""
        with warnings.catch_warnings():
            # By default Python shows a warning once for each line of code, not for each input.
            warnings.simplefilter("always", UserWarning)
            print_warning = warnings.showwarning

            def keep(message, category, *where, **more):
                lines = getattr(self._thread, "lines", None)
                if lines is None or not issubclass(category, UserWarning):
                    print_warning(message, category, *where, **more)
                else:
                    lines.append(" ".join(str(message).split()))

            warnings.showwarning = keep
            yield

    @contextmanager
    def gathered(self) -> Iterator[list[str]]:
        """A list that receives this thread's warnings, a line each."""
        self._thread.lines = []
        try:
            yield self._thread.lines
        finally:
            self._thread.lines = None
