"""What can be wrong with a `.pqm` file, as exceptions with one-line messages."""


class PqmError(ValueError):
    """A .pqm file, or the model it is decoded with, is unusable."""


class NotPqmFileError(PqmError):
    """The data does not begin with the magic bytes of a .pqm file."""


class TruncatedFileError(PqmError):
    """The data ends before everything it should hold has been read."""


class CorruptFileError(PqmError):
    """The data breaks the format, or what was decoded does not match its checksum."""


class WrongModelError(PqmError):
    """The file was written with another model than the one at hand."""


class UnsupportedVersionError(PqmError):
    """The file is of a format version that this reader does not know."""


class TooLargeError(PqmError):
    """The file claims a picture larger than the caller allows."""
