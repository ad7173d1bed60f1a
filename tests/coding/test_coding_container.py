"""The .pqm header: exact bytes, round trips, the checksum, and every way to be broken."""

import dataclasses
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pqmim_jax import coding

PAYLOAD = coding.RansPayload(bytes.fromhex("0403020101"), 1, 5)
FORMAT_MD = Path(coding.__file__).with_name("FORMAT.md").read_text(encoding="utf-8")

HEADERS = st.builds(
    coding.Header,
    width=st.integers(1, 2**32) | st.integers(1, 300),
    height=st.integers(1, 2**32) | st.integers(1, 300),
    quality=st.integers(1, 2**30) | st.integers(1, 70),
    fingerprint=st.integers(0, 2**32 - 1),
    decoder=st.integers(0, 65535),
    schedule=st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1),
    grey=st.booleans(),
    shrink=st.integers(1, 3) | st.integers(1, 65536),
    stages=st.none() | st.integers(1, 65536),
    check_period=st.none() | st.integers(1, 65536),
    attachments=st.dictionaries(
        st.sampled_from([coding.ALPHA, coding.ICC_PROFILE, coding.EXIF])
        | st.integers(coding.FIRST_ANCILLARY, 2**32 - 1),
        st.integers(0, 300),
        max_size=coding.MAX_ATTACHMENTS,
    ).map(lambda lengths: tuple(coding.Attachment(*each) for each in sorted(lengths.items()))),
)


def contents(header):
    """Something for each attachment that the header names."""
    return [bytes([each.kind % 256]) * each.length for each in header.attachments]


PAYLOADS = st.builds(
    lambda data, layout: coding.RansPayload(data, *layout),
    st.binary(max_size=40),
    st.sampled_from([(1, 5), (1, 6), (1, 7), (1, 8)])
    | st.sampled_from([(lanes, 8) for lanes in coding.LANE_COUNTS]),
)


def example_file():
    """The example of FORMAT.md, encoded here."""
    header = coding.Header(width=80, height=16, quality=1, fingerprint=0x12345678, decoder=0xABCD)
    indices = np.array([0, 1, 2, 0, 0], np.uint16).reshape(1, 5, 1)
    freqs = coding.frequencies(np.tile(np.array([0, -16, -32], np.int32), (5, 1)))
    bounds, symbols, rows = coding.cumulative(freqs), indices.ravel(), np.arange(5)
    encoder = coding.RansEncoder()
    encoder.push(bounds[rows, symbols], freqs[rows, symbols])
    checksum = coding.index_checksum(header, indices)
    return coding.pack(header, encoder.finish(checksum)), checksum


def test_format_md_gives_the_bytes_of_its_example():
    data, checksum = example_file()
    written = re.search(r"^    (50 51 4d( [0-9a-f]{2})+)$", FORMAT_MD, re.MULTILINE)
    assert data == bytes.fromhex(written[1])
    assert data.hex() == "50514d6078563412cdab4f0f000f013243a0"
    assert f"`0x{checksum:08x}`" in FORMAT_MD


def test_format_md_pins_the_table_and_names_every_error():
    assert "0x67abec01" in FORMAT_MD
    for error in coding.PqmError.__subclasses__():
        assert f"`{error.__name__}`" in FORMAT_MD


@pytest.mark.parametrize(
    ("header", "payload", "expected"),
    [
        (coding.Header(1, 1, 1, 0, 0), PAYLOAD, "50514d60 000000000000 00 00 00 0403020101"),
        (
            coding.Header(768, 512, 8, 0xDEADBEEF, 0xCAFE),
            PAYLOAD,
            "50514d60 efbeadde feca ff05 ff03 1c 0403020101",
        ),
        (
            coding.Header(2**32, 129, 2**30, 1, 2, "qlds(stages=8)"),
            coding.RansPayload(b"xyz", 16384, 8),
            "50514d7f 01000000 0200 ffffffff0f 8001 fdffffff0f"
            "0e716c6473287374616765733d3829 78797a",
        ),
        (
            coding.Header(5, 5, 2, 0, 0, grey=True, shrink=4, stages=3, check_period=130),
            PAYLOAD,
            "50514d60 000000000000 04 04 06 0f 02 02 8101 0403020101",
        ),
    ],
)
def test_exact_header_bytes(header, payload, expected):
    data = coding.pack(header, payload)
    assert data == bytes.fromhex(expected)
    assert coding.unpack(data) == (header, payload)


def test_a_photo_takes_fifteen_bytes_and_twenty_with_checksum_and_termination():
    header = coding.Header(16384, 16384, quality=32, fingerprint=2**32 - 1, decoder=65535)
    assert len(coding.pack(header, coding.RansPayload(b"", 1, 8))) == 15
    nothing = coding.RansEncoder().finish(0xFFFFFFFF)
    assert len(coding.pack(header, nothing)) == 20


def test_attachments_follow_the_payload_with_their_checksums():
    kinds = (coding.Attachment(coding.ALPHA, 1), coding.Attachment(coding.EXIF, 2))
    header = coding.Header(5, 5, 2, 0, 0, attachments=kinds)
    data = coding.pack(header, PAYLOAD, [b"a", b"bc"])
    expected = "50514d60 000000000000 04 04 06 10 01 00 01 02 02 0403020101 61 43beb7e8 6263"
    assert data[:-4] == bytes.fromhex(expected)
    assert coding.read_attachments(header, data[-11:]) == {coding.ALPHA: b"a", coding.EXIF: b"bc"}
    for length in range(11):
        with pytest.raises(coding.TruncatedFileError, match=r"ends inside its (alpha|EXIF)"):
            coding.read_attachments(header, data[-11:][:length])
    for position in range(11):
        damaged = bytearray(data[-11:])
        damaged[position] ^= 4
        with pytest.raises(coding.CorruptFileError, match=r"checksum over its (alpha|EXIF)"):
            coding.read_attachments(header, bytes(damaged))
    with pytest.raises(coding.CorruptFileError, match="1 bytes are left"):
        coding.read_attachments(header, data[-11:] + b"x")
    with pytest.raises(ValueError, match="not those that the header names"):
        coding.pack(header, PAYLOAD, [b"a"])


def test_unknown_ancillary_attachments_are_checked_and_left_out():
    kinds = tuple(coding.Attachment(kind, 3) for kind in (coding.ALPHA, 16, 2**32 - 1))
    header = coding.Header(5, 5, 2, 0, 0, attachments=kinds)
    data = coding.pack(header, PAYLOAD, [b"abc", b"def", b"ghi"])
    found, payload = coding.unpack(data)
    assert found == header
    rest = payload.data[len(PAYLOAD.data) :]
    assert coding.read_attachments(header, rest) == {coding.ALPHA: b"abc"}
    for length in range(7, len(rest)):
        with pytest.raises(coding.TruncatedFileError, match=r"inside its kind-\d+ attachment"):
            coding.read_attachments(header, rest[:length])
    for position in range(7, len(rest)):
        damaged = bytearray(rest)
        damaged[position] ^= 4
        with pytest.raises(coding.CorruptFileError, match=r"over its kind-\d+ attachment is wrong"):
            coding.read_attachments(header, bytes(damaged))


@pytest.mark.parametrize("kind", range(3, coding.FIRST_ANCILLARY))
def test_an_unknown_critical_attachment_is_refused(kind):
    data = bytes.fromhex("50514d60 000000000000 04 04 06 10 01 00 00") + bytes([kind, 0])
    with pytest.raises(coding.UnsupportedVersionError, match=f"kind of attachment: {kind}$"):
        coding.unpack(data)
    with pytest.raises(ValueError, match="known kinds, or from 16 on"):
        coding.Header(5, 5, 2, 0, 0, attachments=(coding.Attachment(kind, 0),))


@pytest.mark.parametrize(
    ("attachments", "message"),
    [
        ([(16, 1), (16, 1)], "different kinds, ascending"),
        ([(17, 1), (16, 1)], "different kinds, ascending"),
        ([(16 + i, 0) for i in range(65)], "at most 64, got 65"),
        ([(2**32, 0)], "kind must be"),
        ([(16, 2**32)], "length must be"),
        ([(-1, 0)], "kind must be"),
    ],
)
def test_impossible_attachments(attachments, message):
    with pytest.raises(ValueError, match=message):
        coding.Header(
            *(5, 5, 2, 0, 0), attachments=tuple(coding.Attachment(*each) for each in attachments)
        )


def test_sixty_four_attachments_fit():
    attachments = tuple(coding.Attachment(16 + i, 1) for i in range(coding.MAX_ATTACHMENTS))
    header = coding.Header(5, 5, 2, 0, 0, attachments=attachments)
    found, payload = coding.unpack(coding.pack(header, PAYLOAD, [b"x"] * 64))
    assert found == header
    assert coding.read_attachments(header, payload.data[len(PAYLOAD.data) :]) == {}


@pytest.mark.parametrize(
    ("fingerprint", "of_model"),
    [
        ("3412", ""),
        ("25e0", r" \(of model 'small'\)"),
        ("9d01", r" \(of model 'small-perceptual'\)"),
    ],
)
def test_a_file_of_version_2_is_refused_and_its_reader_named(fingerprint, of_model):
    # The example of then, but for the model.
    of_version_2 = bytes.fromhex(f"50514d40 {fingerprint} 4f 0f 00 cc 81 3d 2d e7")
    with pytest.raises(
        coding.UnsupportedVersionError,
        match=r"version 2 is not supported: the file was written by pqmim_jax 0\.1\.0 with its "
        rf"floating-point entropy model{of_model}\. This version reads version 3 only; pqmim-jax "
        r"0\.1\.0 decodes the file$",
    ):
        coding.unpack(of_version_2)


@given(HEADERS, PAYLOADS)
@settings(deadline=None, max_examples=100)
def test_round_trip(header, payload):
    data = coding.pack(header, payload, contents(header))
    found, rest = coding.unpack(data)
    assert (found, rest.lanes, rest.state_bytes) == (header, payload.lanes, payload.state_bytes)
    assert rest.data[: len(payload.data)] == payload.data
    attachments = coding.read_attachments(header, rest.data[len(payload.data) :])
    pairs = zip(header.attachments, contents(header), strict=True)
    assert attachments == {each.kind: content for each, content in pairs if each.known}


@given(HEADERS)
@settings(deadline=None, max_examples=40)
def test_every_cut_header_is_truncated(header):
    data = coding.pack(header, coding.RansPayload(b"", 1, 5), contents(header))
    attached = sum(each.length + 4 for each in header.attachments)
    for length in range(len(data) - attached):
        with pytest.raises(coding.TruncatedFileError):
            coding.unpack(data[:length])


@given(st.binary(max_size=40))
@settings(deadline=None, max_examples=300)
def test_what_unpacks_packs_to_the_same_bytes_and_the_rest_is_a_pqm_error(tail):
    data = b"PQM\x60" + tail
    try:
        header, payload = coding.unpack(data)
    except coding.PqmError as error:
        assert "\n" not in str(error)
    else:
        bare = dataclasses.replace(header, attachments=())
        if bare == header:
            assert coding.pack(header, payload) == data


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        ("", coding.TruncatedFileError, "after 0 bytes"),
        ("5051", coding.TruncatedFileError, "inside the header"),
        ("ffd8ffe0", coding.NotPqmFileError, "not a .pqm file"),
        ("51", coding.NotPqmFileError, "not a .pqm file"),
        ("50514d00 0000 000000", coding.UnsupportedVersionError, "version 0 is not supported"),
        ("50514d80", coding.UnsupportedVersionError, "version 4 is newer than this reader"),
        ("50514de0", coding.UnsupportedVersionError, "version 7 is newer than this reader"),
        ("50514d60 00000000 00", coding.TruncatedFileError, "inside the header, after 9 bytes"),
        ("50514d60 000000000000 8000 00 00", coding.CorruptFileError, "shortest form"),
        ("50514d60 000000000000 00 ffff00 00", coding.CorruptFileError, "byte 11 .* shortest form"),
        ("50514d60 000000000000 ffffffff10 00 00", coding.CorruptFileError, "more than 32 bits"),
        ("50514d60 000000000000 808080808001 00 00", coding.CorruptFileError, "more than 32 bits"),
        ("50514d60 000000000000 00 00 01", coding.TruncatedFileError, "schedule"),
        ("50514d60 000000000000 00 00 01 03 7171", coding.TruncatedFileError, "schedule"),
        ("50514d60 000000000000 00 00 01 00", coding.CorruptFileError, "schedule .* empty"),
        ("50514d20 0000 00 00 00", coding.UnsupportedVersionError, "version 1 is not supported"),
        ("50514d60 000000000000 00 00 02 00", coding.CorruptFileError, "extensions and names none"),
        ("50514d60 000000000000 00 00 02 20", coding.UnsupportedVersionError, "extensions .* 0x20"),
        ("50514d60 000000000000 00 00 02 02 ffff03", coding.CorruptFileError, "shrink must be"),
        ("50514d60 000000000000 00 00 02 10 40", coding.CorruptFileError, "65 attachments, more"),
        ("50514d60 000000000000 00 00 02 10 01 01 00 01 00", coding.CorruptFileError, "ascending"),
        ("50514d60 000000000000 00 00 02 10 00 03 00", coding.UnsupportedVersionError, "ment: 3"),
        ("50514d60 000000000000 00 00 01 02 71e9", coding.CorruptFileError, "printable ASCII"),
        ("50514d60 000000000000 00 00 01 02 710a", coding.CorruptFileError, "printable ASCII"),
        ("50514d61 00000000 0000 00 00 00", coding.CorruptFileError, "4 states must take 8 to"),
    ],
)
def test_broken_files(data, error, message):
    with pytest.raises(error, match=message):
        coding.unpack(bytes.fromhex(data))


@pytest.mark.parametrize(
    "change",
    [
        {"width": 0},
        {"height": 0},
        {"height": 2**32 + 1},
        {"quality": 0},
        {"fingerprint": 2**32},
        {"fingerprint": -1},
        {"decoder": 65536},
        {"decoder": -1},
        {"schedule": ""},
        {"schedule": "é"},
        {"schedule": "a\n"},
        {"schedule": "a" * 256},
        {"shrink": 0},
        {"shrink": 65537},
        {"stages": 0},
        {"check_period": 0},
    ],
)
def test_impossible_headers(change):
    fields = {"width": 5, "height": 5, "quality": 1, "fingerprint": 0, "decoder": 0}
    with pytest.raises(ValueError, match=f"{next(iter(change))} must be"):
        coding.Header(**(fields | change))


def test_checksum_covers_every_field_and_every_index():
    indices = np.arange(24, dtype=np.uint16).reshape(2, 3, 4)
    fields = {"width": 9, "height": 8, "quality": 3, "fingerprint": 4, "decoder": 5}
    changes = [{"width": 10}, {"height": 9}, {"quality": 4}, {"fingerprint": 5}, {"decoder": 6}]
    changes += [{"schedule": "a"}]
    changes += [{"grey": True}, {"shrink": 2}, {"stages": 2}, {"check_period": 2}]
    changes += [{"attachments": (coding.Attachment(coding.ALPHA, n),)} for n in (0, 1)]
    sums = {
        coding.index_checksum(coding.Header(**(fields | change)), indices)
        for change in [{}, *changes]
    }
    header = coding.Header(**fields)
    for position in np.ndindex(indices.shape):
        other = indices.copy()
        other[position] ^= 256
        sums.add(coding.index_checksum(header, other))
    assert len(sums) == 13 + 24
    assert coding.index_checksum(header, indices) == 0xACF021F7
    assert coding.index_checksum(header, np.asfortranarray(indices)) == 0xACF021F7
    with pytest.raises(ValueError, match="uint16"):
        coding.index_checksum(header, indices.astype(np.int64))


CHILD = """
import sys
import numpy as np
from pqmim_jax import coding

assert not {"jax", "jaxlib", "flax"} & set(sys.modules), "coding must not import JAX"
header, payload = coding.unpack(sys.stdin.buffer.read())
decoder = coding.RansDecoder(payload.data, payload.lanes, payload.state_bytes)
q = coding.quantize_logits(np.tile(np.array([0, -1, -2], np.float32), (5, 1)))
indices = decoder.pop(coding.cumulative(coding.frequencies(q))).astype(np.uint16)
assert decoder.finish() == coding.index_checksum(header, indices.reshape(1, 5, 1))
print(header.width, header.height, *indices)
"""


def test_a_fresh_process_decodes_the_file_and_imports_no_jax():
    data, _ = example_file()
    child = subprocess.run(
        [sys.executable, "-c", CHILD], input=data, capture_output=True, timeout=60, check=False
    )
    assert child.returncode == 0, child.stderr.decode()
    assert child.stdout.split() == b"80 16 0 1 2 0 0".split()
