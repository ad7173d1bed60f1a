"""What a `.pqm` file says about itself. Each header has one encoding, and only that is read."""

from dataclasses import dataclass

from pqmim_jax.coding.errors import (
    CorruptFileError,
    TruncatedFileError,
    UnsupportedVersionError,
)
from pqmim_jax.coding.varint import read_varint, write_varint

FINGERPRINT_BYTES = 4
DECODER_BYTES = 2

ALPHA, ICC_PROFILE, EXIF = 0, 1, 2
"""Kinds of attachments, in the order in which a file holds them."""

FIRST_ANCILLARY = 16
"""Kinds from here on say nothing about the picture: who does not know one leaves it out."""

MAX_ATTACHMENTS = 64

_NAMES = ("alpha channel", "colour profile", "EXIF data")
_GREY, _SHRINK, _STAGES, _CHECKS, _ATTACHMENTS = (1 << bit for bit in range(5))
_KNOWN_EXTENSIONS = (1 << 5) - 1
_LARGEST_FIELD = 1 << 32  # what a varint of 32 bits holds, plus 1


@dataclass(frozen=True)
class Attachment:
    """Bytes beside the coded picture: a kind, such as ALPHA, and the number of bytes.

    Raises:
        ValueError: a field is not in [0, 2**32).
    """

    kind: int
    length: int

    def __post_init__(self):
        """Check that both fields can be written."""
        for name in ("kind", "length"):
            value = getattr(self, name)
            if not 0 <= value < _LARGEST_FIELD:
                raise ValueError(f"an attachment's {name} must be in [0, 2**32), got {value}")

    @property
    def known(self) -> bool:
        """Whether the kind has a meaning here."""
        return self.kind < len(_NAMES)

    @property
    def critical(self) -> bool:
        """Whether a reader that does not know the kind must refuse the file."""
        return self.kind < FIRST_ANCILLARY

    @property
    def name(self) -> str:
        """For messages."""
        return _NAMES[self.kind] if self.known else f"kind-{self.kind} attachment"


@dataclass(frozen=True)
class Header:
    """What a file says about itself.

    Attributes:
        width: of the image in pixels, 1 to 2**32.
        height: of the image in pixels, 1 to 2**32.
        quality: 1 to 2**30; what it means is the model's business.
        fingerprint: of what of the model decides about indices, 0 to 2**32 - 1.
        decoder: digest of what of the model makes pixels of indices, 0 to 65535.
        schedule: spec of the schedule, 1 to 255 printable ASCII characters, such as
            `qlds(stages=8,alpha=2.2)`; None is the model's default.
        grey: the picture has one channel; what was coded had it three times.
        shrink: the picture was coded at ceil(width / shrink) x ceil(height / shrink) pixels.
        stages: only so many stages of the schedule are in the file; None is all.
        check_period: a checksum of 16 bits stands after every so many chunks; None is nowhere.
        attachments: what follows the payload; at most 64, one of a kind, kinds ascending, each
            known or from FIRST_ANCILLARY on.

    Raises:
        ValueError: a field out of range.
    """

    width: int
    height: int
    quality: int
    fingerprint: int
    decoder: int
    schedule: str | None = None
    grey: bool = False
    shrink: int = 1
    stages: int | None = None
    check_period: int | None = None
    attachments: tuple[Attachment, ...] = ()

    def __post_init__(self):
        """Check that every field can be written."""
        for name, low, high in (
            ("width", 1, _LARGEST_FIELD),
            ("height", 1, _LARGEST_FIELD),
            ("quality", 1, 1 << 30),
            ("fingerprint", 0, (1 << 8 * FINGERPRINT_BYTES) - 1),
            ("decoder", 0, (1 << 8 * DECODER_BYTES) - 1),
            ("shrink", 1, 1 << 16),
            ("stages", 1, 1 << 16),
            ("check_period", 1, 1 << 16),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} must be from {low} to {high}, got {value}")
        if self.schedule is not None and not _is_spec(self.schedule):
            raise ValueError(
                f"a schedule must be 1 to 255 printable ASCII characters, got {self.schedule!r}"
            )
        kinds = [each.kind for each in self.attachments]
        if kinds != sorted(set(kinds)):
            raise ValueError(f"attachments must be of different kinds, ascending: {kinds}")
        if any(each.critical and not each.known for each in self.attachments):
            raise ValueError(
                f"attachments must be of known kinds, or from {FIRST_ANCILLARY} on: {kinds}"
            )
        if len(kinds) > MAX_ATTACHMENTS:
            raise ValueError(f"attachments must be at most {MAX_ATTACHMENTS}, got {len(kinds)}")

    @property
    def alpha(self) -> bool:
        """Whether the picture has an alpha channel."""
        return any(each.kind == ALPHA for each in self.attachments)

    @property
    def coded_size(self) -> tuple[int, int]:
        """(rows, columns) in pixels of what was coded."""
        return -(-self.height // self.shrink), -(-self.width // self.shrink)


def write_fields(header: Header) -> bytes:
    """The header from the fingerprint on; all of this enters the checksum."""
    extensions = _extensions(header)
    mode = header.quality - 1 << 2 | bool(extensions) << 1 | (header.schedule is not None)
    fields = [
        header.fingerprint.to_bytes(FINGERPRINT_BYTES, "little"),
        header.decoder.to_bytes(DECODER_BYTES, "little"),
        *map(write_varint, (header.width - 1, header.height - 1, mode)),
    ]
    if header.schedule is not None:
        fields += [bytes([len(header.schedule)]), header.schedule.encode("ascii")]
    if extensions:
        fields += map(write_varint, [extensions, *_extension_values(header)])
    return b"".join(fields)


def read_fields(data: bytes, position: int) -> tuple[Header, int]:
    """Inverse of `write_fields`: the header, and the position behind it.

    Raises:
        PqmError: truncated, an extension or a critical attachment that this reader does not know,
            or nothing that `write_fields` produces.
    """
    fields = _Fields(data, position)
    fingerprint, decoder = fields.uint(FINGERPRINT_BYTES), fields.uint(DECODER_BYTES)
    width, height, mode = fields.varint() + 1, fields.varint() + 1, fields.varint()
    values = {"schedule": fields.text()} if mode & 1 else {}
    if mode & 2:
        values |= _read_extensions(fields)
    try:
        header = Header(width, height, (mode >> 2) + 1, fingerprint, decoder, **values)
    except ValueError as error:
        raise CorruptFileError(f"impossible header: {error}") from None
    return header, fields.position


def _extensions(header: Header) -> int:
    return (
        _GREY * header.grey
        | _SHRINK * (header.shrink > 1)
        | _STAGES * (header.stages is not None)
        | _CHECKS * (header.check_period is not None)
        | _ATTACHMENTS * bool(header.attachments)
    )


def _extension_values(header: Header) -> list[int]:
    values = [header.shrink - 2] if header.shrink > 1 else []
    values += [value - 1 for value in (header.stages, header.check_period) if value is not None]
    if header.attachments:
        values.append(len(header.attachments) - 1)
        values += [value for each in header.attachments for value in (each.kind, each.length)]
    return values


def _read_extensions(fields: "_Fields") -> dict:
    extensions = fields.varint()
    if extensions == 0:
        raise CorruptFileError("the header announces extensions and names none")
    if extensions & ~_KNOWN_EXTENSIONS:
        raise UnsupportedVersionError(f"unknown extensions of the format: {extensions:#x}")
    values = {"grey": bool(extensions & _GREY)}
    if extensions & _SHRINK:
        values["shrink"] = fields.varint() + 2
    if extensions & _STAGES:
        values["stages"] = fields.varint() + 1
    if extensions & _CHECKS:
        values["check_period"] = fields.varint() + 1
    if extensions & _ATTACHMENTS:
        values["attachments"] = _read_attachment_list(fields)
    return values


def _read_attachment_list(fields: "_Fields") -> tuple[Attachment, ...]:
    count = fields.varint() + 1
    if count > MAX_ATTACHMENTS:
        raise CorruptFileError(
            f"the header names {count} attachments, more than the {MAX_ATTACHMENTS} there may be"
        )
    attachments = tuple(Attachment(fields.varint(), fields.varint()) for _ in range(count))
    for each in attachments:
        if each.critical and not each.known:
            raise UnsupportedVersionError(f"unknown kind of attachment: {each.kind}")
    return attachments


class _Fields:
    """Reads one field after another."""

    def __init__(self, data: bytes, position: int):
        self._data = data
        self.position = position

    def uint(self, size: int) -> int:
        end = self.position + size
        if end > len(self._data):
            raise TruncatedFileError(
                f"the file ends inside the header, after {len(self._data)} bytes"
            )
        value, self.position = int.from_bytes(self._data[self.position : end], "little"), end
        return value

    def varint(self) -> int:
        value, self.position = read_varint(self._data, self.position)
        return value

    def text(self) -> str:
        length = self._data[self.position] if self.position < len(self._data) else 0
        end = self.position + 1 + length
        if end > len(self._data):
            raise TruncatedFileError("the file ends inside the schedule of the header")
        text = self._data[self.position + 1 : end].decode("latin-1")
        if not _is_spec(text):
            raise CorruptFileError("the schedule in the header is empty or not printable ASCII")
        self.position = end
        return text


def _is_spec(text: str) -> bool:
    return 1 <= len(text) <= 255 and text.isascii() and text.isprintable()
