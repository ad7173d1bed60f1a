"""What goes wrong with a file of weights."""


class WeightsError(ValueError):
    """A file of weights is missing, damaged, or holds something other than the arrays needed."""
