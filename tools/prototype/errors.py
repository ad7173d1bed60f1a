"""What goes wrong with what a run of the prototype left."""


class PrototypeError(ValueError):
    """A part is missing or damaged, or holds something else than the prototype writes."""
