"""An object whose pickle runs something."""


class Ran(BaseException):
    """Raised by what must never run; no `except Exception` hides it."""


def run_me(*_):
    raise Ran


class Malicious:
    def __reduce__(self):
        return run_me, ()
