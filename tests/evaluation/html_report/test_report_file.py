"""`write_report`: one file, self-contained, escaped; clear errors and nothing overwritten."""

import json
import re
from html.parser import HTMLParser

import pytest

from pqmim_jax.evaluation.html import EvaluationFileError, write_report
from pqmim_jax.evaluation.html.write import json_for_script


class Elements(HTMLParser):
    """Tags and their attributes, and the text in every script."""

    def __init__(self, page):
        super().__init__()
        self.found, self.scripts, self.words, self._script = [], [], [], False
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag == "script":
            self._script = True
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._script = self._script and tag != "script"

    def handle_data(self, data):
        if self._script:
            self.scripts[-1] += data
        else:
            self.words.append(data)


def embedded(page):
    return json.loads(Elements(page).scripts[0])


def test_nothing_is_loaded_from_elsewhere(sample):
    elements = Elements(sample.report.read_text("utf-8")).found
    for tag, attributes in elements:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert attributes.get("src", "data:").startswith("data:")
        assert attributes.get("href", "#").startswith("#")
    assert "url(http" not in sample.report.read_text("utf-8")


def test_policy_admits_this_script_and_no_other(sample):
    import base64
    import hashlib

    elements = Elements(sample.report.read_text("utf-8"))
    (policy,) = (a["content"] for t, a in elements.found if t == "meta" and "http-equiv" in a)
    digest = base64.b64encode(hashlib.sha256(elements.scripts[1].encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}';" in policy
    assert "default-src 'none'" in policy


HOSTILE = "</script><script>alert(1)</script><!-- \"'&{{script}}"


def test_hostile_text_stays_text(folder, sample, rewrite):
    def poison(document):
        document["command"] = document["created"] = HOSTILE
        document["codecs"][0] |= dict.fromkeys(("label", "description", "version"), HOSTILE)
        document["bd"][0]["note"] = document["published"][0]["name"] = HOSTILE
        document["published"][0]["source"] = document["pictures"]["folder"] = HOSTILE
        document["environment"] = {f"{HOSTILE}{i}": HOSTILE for i in range(3)}
        document["notes"] = [HOSTILE]

    clean = Elements(sample.report.read_text("utf-8"))
    rewrite(poison)
    page = write_report(folder, sample.pictures).read_text("utf-8")
    elements = Elements(page)
    assert len(elements.scripts) == len(clean.scripts) == 2
    assert elements.scripts[1] == clean.scripts[1]
    # The sample lists no notes; but for that there is not a tag more.
    assert len(elements.found) == len(clean.found) + 1
    assert embedded(page)["codecs"][0]["label"] == HOSTILE
    assert HOSTILE in "".join(elements.words)


def test_hostile_file_names_stay_text(sample):
    page = sample.report.read_text("utf-8")
    assert "<img src=x" not in page
    assert "<img src=x onerror=alert(1)>.png" in embedded(page)["pictures"]


@pytest.mark.parametrize("value", ["</script>", "<!--", "]]>", "a\u2028b", "&lt;"])
def test_json_in_a_script_survives_html(value):
    text = json_for_script({value: value})
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == {value: value}


def test_an_existing_report_is_kept_unless_asked(folder, sample):
    path = folder / "report.html"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="exists already"):
        write_report(folder, sample.pictures)
    assert path.read_text() == "mine"
    assert write_report(folder, sample.pictures, overwrite=True) == path
    assert path.read_bytes() == sample.report.read_bytes()
    assert not list(folder.glob(".pqmim-*"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("{", "not JSON"),
        ("[]", "its schema is None"),
        ('{"schema": "pqmim-evaluation/2"}', "'pqmim-evaluation/2'; this version reads"),
        ('{"schema": "pqmim-evaluation/1"}', "evaluation.pictures is missing"),
    ],
)
def test_an_unusable_document_is_one_clear_error(tmp_path, text, message):
    if text is not None:
        (tmp_path / "evaluation.json").write_text(text)
    with pytest.raises(EvaluationFileError, match=message) as caught:
        write_report(tmp_path, tmp_path)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["images"][2].update(bytes="12"), r"images\[2\].bytes is str, not int"),
        (lambda d: d["images"][0].update(file="../secret.png"), "leads out"),
        (lambda d: d["images"][0].update(setting="/etc"), "leads out"),
        (lambda d: d["images"][0].update(codec="h266"), "'h266' that is not listed"),
        (lambda d: d["images"][0].update(width=0), "is not positive"),
        (lambda d: d["codecs"].clear(), "names no codec"),
        (lambda d: d["codecs"][0]["settings"][0].update(means=None), "means is missing"),
        (lambda d: d["bd"][0].update(bd_rate=True), "bd_rate is bool"),
        (lambda d: d["images"][0].update(width=999), "disagree|its record"),
    ],
)
def test_a_wrong_entry_is_named(folder, sample, rewrite, change, message):
    rewrite(change)
    with pytest.raises(EvaluationFileError, match=message):
        write_report(folder, sample.pictures)
    assert not (folder / "report.html").exists()


def test_damaged_bits_are_an_error(folder, sample):
    for path in folder.glob("bits/*/*/*.npz"):
        path.write_bytes(b"PK\x03\x04 no")
    with pytest.raises(EvaluationFileError, match="not an array of bits"):
        write_report(folder, sample.pictures)
