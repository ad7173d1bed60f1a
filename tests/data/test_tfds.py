"""A real TFDS data set in array_record, written and read without TensorFlow."""

import io
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from pqmim_jax.data import DataError, center_crop, open_source, train_iterator


def encoded(pixels):
    # As a file: TFDS would need TensorFlow to encode an array.
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    file.seek(0)
    return file


def picture(k):
    return np.random.default_rng(k).integers(0, 256, (30 + k, 40 - k, 3), np.uint8)


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.2.0")
    name = "tiny_pictures"
    feature = "image"

    def _info(self):
        image = tfds.features.Image(encoding_format="png")
        label = tfds.features.ClassLabel(num_classes=3)
        features = tfds.features.FeaturesDict({self.feature: image, "label": label})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager):
        return {
            "train": self._generate_examples(range(6)),
            "test": self._generate_examples(range(6, 8)),
        }

    def _generate_examples(self, keys):
        for k in keys:
            yield k, {self.feature: encoded(picture(k)), "label": k % 3}


class PhotoBuilder(Builder, skip_registration=True):
    name = "tiny_photos"
    feature = "photo"


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    root = tmp_path_factory.mktemp("tfds")
    for builder in (Builder, PhotoBuilder):
        builder(data_dir=root, file_format="array_record").download_and_prepare()
    return root


@pytest.fixture(autouse=True)
def use_data_dir(data_dir, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(data_dir))


@pytest.mark.parametrize(
    ("spec", "keys"),
    [
        ("tfds:tiny_pictures", range(6)),
        ("tfds:tiny_pictures:test", range(6, 8)),
        ("tfds:tiny_pictures:train[:50%]", range(3)),
        ("tfds:tiny_pictures:1.2.0", range(6)),
        ("tfds:tiny_pictures:1.2.0:test", range(6, 8)),
    ],
)
def test_records_are_decoded_exactly(spec, keys):
    source = open_source(spec, cache_mb=1)
    assert len(source) == len(keys)
    for image, k in zip(source, keys, strict=True):
        np.testing.assert_array_equal(image, picture(k))


def test_a_training_epoch_visits_every_record(config):
    config.update(source="tfds:tiny_pictures", augmentation="center_crop", flip=False)
    batch = next(train_iterator(config, batch_size=6, seed=0))["image"]
    middles = {crop.tobytes() for crop in batch}
    assert len(middles) == 6


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("tfds:no_such_set", "cannot open tfds:no_such_set:train.*tfds build no_such_set"),
        ("tfds:mnist", "cannot open tfds:mnist:train.*--file_format=array_record"),
        ("tfds:tiny_pictures:validation", "Unknown split 'validation'"),
        ("tfds:tiny_photos", r"no image feature 'image', only \['label', 'photo'\]"),
    ],
)
def test_what_cannot_be_opened_is_a_one_line_error(spec, message):
    with pytest.raises(DataError, match=message) as error:
        open_source(spec)
    assert "\n" not in str(error.value)


def test_without_tfds_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(DataError, match=r"pip install pqmim-jax\[tfds\]"):
        open_source("tfds:tiny_pictures")


def test_reading_needs_no_tensorflow():
    program = """
import sys
from importlib.machinery import PathFinder

find = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: None if name == "tensorflow" else find(name, *rest)
from pqmim_jax.data import open_source
assert "tensorflow_datasets" not in sys.modules
print(open_source("tfds:tiny_pictures")[1].shape)
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.stdout.strip() == "(31, 39, 3)", run.stderr


READ_SHARD = """
import json, sys
from hashlib import sha256
from ml_collections import ConfigDict
from pqmim_jax.data import train_iterator

config, process, state = (json.loads(argument) for argument in sys.argv[1:])
batches = train_iterator(
    ConfigDict(config), batch_size=2, seed=0, rows=[process]
)
if state is not None:
    batches.set_state(state)
def read(count):
    images = [next(batches)["image"] for _ in range(count)]
    return [(sha256(image.tobytes()).hexdigest(), int(image.sum())) for image in images]

seen = read(2)
state = batches.get_state()
seen += read(4)
print(json.dumps({"state": state, "seen": seen}))
"""


def read_in_two_processes(config, state=None):
    """What two hosts read in six batches of one example each."""
    arguments = [json.dumps(config.to_dict()), None, json.dumps(state)]
    hosts = []
    for process in range(2):
        arguments[1] = str(process)
        command = [sys.executable, "-c", READ_SHARD, *arguments]
        hosts.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
    return [json.loads(host.communicate(timeout=120)[0]) for host in hosts]


def test_two_hosts_read_disjoint_complete_shards_and_resume_exactly(config):
    config.update(source="tfds:tiny_pictures", augmentation="center_crop", flip=True)
    first, second = read_in_two_processes(config)
    # A mirrored crop has the same sum.
    sums = [[total for _, total in host["seen"]] for host in (first, second)]
    expected = {int(center_crop(picture(k), 24).sum()) for k in range(6)}
    for epoch in (slice(0, 3), slice(3, 6)):
        assert len(sums[0][epoch] + sums[1][epoch]) == len(expected) == 6
        assert {*sums[0][epoch], *sums[1][epoch]} == expected
    assert first["state"] == second["state"]
    resumed = read_in_two_processes(config, first["state"])
    for before, after in zip((first, second), resumed, strict=True):
        assert after["seen"][:4] == before["seen"][2:]
