"""Training of two hosts on a TFDS data set in array_record: shards, and resume after a kill."""

import io
import itertools
import json
import signal

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image
from training_process import start_hosts

HOSTS, PICTURES, BATCH, STEPS = 2, 12, 4, 6
EPOCH = PICTURES // BATCH  # in steps


def red(k):
    return 7 + 20 * k


def encoded(k):
    """A PNG file of picture k, which no crop or mirroring can make another: its red is its own."""
    y, x = np.mgrid[:48, :56] / (8 + k)
    waves = np.uint8(127 + 60 * np.sin(y + k) + 60 * np.cos(x - k))
    pixels = np.stack([np.full_like(waves, red(k)), waves, waves[::-1]], axis=-1)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    file.seek(0)
    return file


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
    VERSION = tfds.core.Version("1.0.0")
    name = "reds"

    def _info(self):
        image = tfds.features.Image(encoding_format="png")
        features = tfds.features.FeaturesDict({"image": image})
        return tfds.core.DatasetInfo(builder=self, features=features, disable_shuffling=True)

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for k in range(PICTURES):
            yield k, {"image": encoded(k)}


@pytest.fixture(scope="module", autouse=True)
def data_set(tmp_path_factory):
    """The data set, where the runs look for it."""
    data_dir = tmp_path_factory.mktemp("tfds")
    Builder(data_dir=data_dir, file_format="array_record").download_and_prepare()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TFDS_DATA_DIR", str(data_dir))
        yield


@pytest.fixture
def config(make_config):
    config = make_config()
    config.data.update(source="tfds:reds", num_threads=2, prefetch=2, crops_per_image=1)
    config.stages = ("pqvae",)
    config.pqvae_training.update(steps=STEPS, batch_size=BATCH)
    config.checkpoints.every = 1
    return config


def finish(hosts):
    for status, log in [host.wait_for_end(120) for host in hosts]:
        assert status == 0, log


def batches_read(record):
    """For each host, lists of the examples' reds, batch by batch."""
    logs = [record.with_name(f"{record.name}.{host}") for host in range(HOSTS)]
    return [[json.loads(line) for line in log.read_text().splitlines()] for log in logs]


def test_two_hosts_train_on_disjoint_complete_shards_and_resume_exactly(config, tmp_path):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    records = {name: tmp_path / f"{name}.reds" for name in ("whole", "before", "after")}
    finish(start_hosts(config, whole, HOSTS, 1, records["whole"]))
    shards = batches_read(records["whole"])
    for shard in shards:
        assert [len(batch) for batch in shard] == [BATCH // HOSTS] * STEPS
    for epoch in (slice(0, EPOCH), slice(EPOCH, 2 * EPOCH)):
        batches = [batch for shard in shards for batch in shard[epoch]]
        assert sorted(itertools.chain(*batches)) == [red(k) for k in range(PICTURES)]

    hosts = start_hosts(config, killed, HOSTS, 1, records["before"])
    # Each save waits for the one before: by now the checkpoint of step 2 is whole.
    hosts[0].wait_for_line(killed / "pqvae" / "metrics.jsonl", '"step": 4,')
    for host in hosts:
        host.send(signal.SIGKILL)
        host.wait_for_end()
    finish(start_hosts(config, killed, HOSTS, 1, records["after"]))

    log = "pqvae/metrics.jsonl"
    assert (killed / log).read_bytes() == (whole / log).read_bytes()
    before, after = batches_read(records["before"]), batches_read(records["after"])
    for expected, first, rest in zip(shards, before, after, strict=True):
        assert first == expected[: len(first)]
        assert 1 <= len(rest) <= STEPS - 2
        assert rest == expected[-len(rest) :]
