import itertools
import json
import shutil

import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from pqmim_jax.data import DataError, decode_image, eval_batches, open_source, train_iterator


def take(iterator, count):
    return np.stack([batch["image"] for batch in itertools.islice(iterator, count)])


def visited(images):
    """Numbers of the pictures that crops of `image_folder` come from, from their red."""
    return np.rint(images[..., 0].mean(axis=(-2, -1)) / 10).astype(int)


def test_batches_are_a_function_of_the_seed(config):
    first, again = (take(train_iterator(config, batch_size=5, seed=3), 6) for _ in range(2))
    assert first.shape == (6, 5, 24, 24, 3)
    assert first.dtype == np.uint8
    np.testing.assert_array_equal(first, again)
    other = take(train_iterator(config, batch_size=5, seed=4), 6)
    assert (visited(first) != visited(other)).any()


@pytest.mark.parametrize(("threads", "prefetch"), [(0, 0), (1, 1), (6, 6)])
def test_threads_and_cache_do_not_change_the_batches(config, threads, prefetch):
    expected = take(train_iterator(config, batch_size=4, seed=0), 8)
    config.update(num_threads=threads, prefetch=prefetch, cache_mb=threads % 2)
    np.testing.assert_array_equal(take(train_iterator(config, batch_size=4, seed=0), 8), expected)


def test_epochs_are_complete_and_differ_in_order_and_crops(config):
    images = take(train_iterator(config, batch_size=13, seed=0), 4)
    epochs = visited(images)
    for epoch in epochs:
        assert sorted(epoch) == list(range(13))
    assert len({tuple(epoch) for epoch in epochs}) == 4
    crops_of_picture_0 = images[epochs == 0]
    assert len({crop.tobytes() for crop in crops_of_picture_0}) == 4


def test_batches_run_on_across_epochs(config):
    picks = visited(take(train_iterator(config, batch_size=5, seed=0), 13)).ravel()
    assert np.bincount(picks, minlength=13).tolist() == [5] * 13


def test_a_share_of_the_stream_is_synthetic(config):
    config.update(synthetic_share=0.25, crops_per_image=2)
    images = take(train_iterator(config, batch_size=13, seed=0), 30).reshape(390, 24, 24, 3)
    # Red is the same all over a photograph, green is noise.
    photographs = (np.ptp(images[..., 0], axis=(1, 2)) == 0) & (images[..., 1].std((1, 2)) > 30)
    assert 0.68 < photographs.mean() < 0.82
    assert set(visited(images[photographs])) == set(range(13))
    assert len({image.tobytes() for image in images[~photographs]}) > 80


@pytest.mark.parametrize("share", [0.0, 0.5])
@pytest.mark.parametrize("taken", [0, 1, 7])
def test_a_saved_state_continues_identically_in_mid_epoch(config, taken, share):
    config.update(crops_per_image=2, synthetic_share=share)
    original = train_iterator(config, batch_size=4, seed=5)
    take_first = [next(original) for _ in range(taken)]
    assert len(take_first) == taken
    state = json.loads(json.dumps(original.get_state()))
    expected = take(original, 5)
    resumed = train_iterator(config, batch_size=4, seed=5)
    resumed.set_state(state)
    np.testing.assert_array_equal(take(resumed, 5), expected)
    original.set_state(state)
    np.testing.assert_array_equal(take(original, 5), expected)


def rows_of(process, processes, batch_size=12):
    return range(batch_size)[process::processes]


def global_batches(config, processes, count, state=None):
    """(count, 12, ...): put together from the rows of all processes, which are interleaved."""
    batches = np.zeros((count, 12, 24, 24, 3), np.uint8)
    for p in range(processes):
        rows = rows_of(p, processes)
        iterator = train_iterator(config, batch_size=12, seed=1, rows=rows)
        if state is not None:
            iterator.set_state(state)
        batches[:, rows] = take(iterator, count)
    return batches


@pytest.mark.parametrize(("crops_per_image", "share"), [(1, 0.0), (3, 0.0), (3, 0.5)])
@pytest.mark.parametrize("processes", [2, 3, 4])
def test_global_batches_do_not_depend_on_the_number_of_processes(
    config, processes, crops_per_image, share
):
    config.update(crops_per_image=crops_per_image, synthetic_share=share)
    np.testing.assert_array_equal(
        global_batches(config, processes, 4), global_batches(config, 1, 4)
    )


@pytest.mark.parametrize(("before", "after"), [(1, 2), (1, 4), (2, 1), (4, 1), (2, 4)])
def test_a_state_resumes_at_another_number_of_processes(config, before, after):
    expected = global_batches(config, 1, 5)
    # Of the last process: every process's state must be the same.
    saved = train_iterator(config, batch_size=12, seed=1, rows=rows_of(before - 1, before))
    take(saved, 3)
    np.testing.assert_array_equal(
        global_batches(config, after, 2, state=saved.get_state()), expected[3:]
    )


def test_processes_read_disjoint_shards_that_are_together_complete(config):
    shards = [
        visited(take(train_iterator(config, batch_size=13, seed=0, rows=[p]), 3)).ravel()
        for p in range(13)
    ]
    for epoch in np.stack(shards, axis=1):
        assert sorted(epoch) == list(range(13))


def test_crops_per_image_are_consecutive_different_and_decoded_once(
    config, image_folder, tmp_path, monkeypatch
):
    decoded = []

    def counting_decode(path, name):
        decoded.append(path)
        return decode_image(path, name)

    monkeypatch.setattr("pqmim_jax.data.sources.decode_image", counting_decode)
    # A folder of its own: prefetching threads of other tests may still be decoding.
    shutil.copytree(image_folder, tmp_path, dirs_exist_ok=True)
    config.update(source=f"folder:{tmp_path}", crops_per_image=4, num_threads=0, prefetch=0)
    images = take(train_iterator(config, batch_size=26, seed=0), 4)
    picks = visited(images).reshape(26, 4)
    assert (picks == picks[:, :1]).all()
    assert sorted(picks[:13, 0]) == sorted(picks[13:, 0]) == list(range(13))
    assert len({crop.tobytes() for crop in images.reshape(104, -1)}) == 104
    assert sum(path.startswith(str(tmp_path)) for path in decoded) == 26


def test_jpegs_are_only_decoded_at_reduced_size_if_nothing_is_decoded_for_a_second_use(
    config, tmp_path
):
    rng = np.random.default_rng(0)
    for k in range(3):
        noise = Image.fromarray(rng.integers(0, 256, (9, 12, 3), np.uint8))
        noise.resize((400, 300)).save(tmp_path / f"{k}.jpg")
    config.update(source=f"folder:{tmp_path}", augmentation="random_resized_crop")

    def batches(**changes):
        changed = ConfigDict({**config.to_dict(), **changes})
        return take(train_iterator(changed, batch_size=6, seed=0), 2)

    reduced, whole = batches(cache_mb=0), batches(cache_mb=1)
    difference = np.abs(reduced.astype(int) - whole)
    assert 0 < difference.mean() < 2
    # The cache takes two of the pictures only: that must not show in the third.
    np.testing.assert_array_equal(batches(cache_mb=100), whole)
    np.testing.assert_array_equal(
        batches(crops_per_image=2, cache_mb=0), batches(crops_per_image=2, cache_mb=1)
    )


def test_random_resized_crop_and_one_example_batches(config):
    config.augmentation = "random_resized_crop"
    assert take(train_iterator(config, batch_size=1, seed=0), 3).shape == (3, 1, 24, 24, 3)


def test_an_undecodable_picture_stops_training_with_its_name(config, image_folder, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    config.source = f"folder:{image_folder},{tmp_path}"
    with pytest.raises(DataError, match=r"broken\.jpg"):
        take(train_iterator(config, batch_size=14, seed=0), 1)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("augmentation", "mixup", "unknown augmentation 'mixup'; choices"),
        ("crops_per_image", 0, "crops_per_image must be >= 1"),
        ("crop", 0, "crop must be >= 1"),
        ("synthetic_share", -0.01, r"synthetic_share must be in \[0, 1\], got -0.01"),
        ("synthetic_share", 1.5, r"synthetic_share must be in \[0, 1\], got 1.5"),
        ("synthetic_share", float("nan"), r"synthetic_share must be in \[0, 1\], got nan"),
        ("source", "folder:/no/such/folder", "no such folder"),
    ],
)
def test_bad_configurations_fail_before_the_first_batch(config, field, value, message):
    config[field] = value
    with pytest.raises(ValueError, match=message):
        train_iterator(config, batch_size=2, seed=0)


@pytest.mark.parametrize("make", [eval_batches, train_iterator])
@pytest.mark.parametrize("rows", [[], [2], [-1, 0], [1, 0], [1, 1]])
def test_rows_that_a_batch_does_not_have_are_refused(config, make, rows):
    options = {"seed": 0} if make is train_iterator else {}
    with pytest.raises(ValueError, match=r"rows must be ascending numbers in 0\.\.1"):
        make(config, batch_size=2, rows=rows, **options)
    with pytest.raises(ValueError, match="batch_size must be >= 1"):
        make(config, batch_size=0, **options)


@pytest.mark.parametrize(
    ("batch_size", "processes", "batches"),
    [(13, 1, 1), (5, 1, 3), (6, 3, 3), (20, 5, 1), (20, 20, 1)],
)
def test_eval_sees_every_picture_once_in_equally_many_batches(
    config, batch_size, processes, batches
):
    seen = []
    for p in range(processes):
        rows = rows_of(p, processes, batch_size)
        shard = list(eval_batches(config, batch_size=batch_size, rows=rows))
        assert len(shard) == batches
        for batch in shard:
            assert batch["image"].shape == (len(rows), 24, 24, 3)
            assert batch["image"].dtype == np.uint8
            assert batch["valid"].shape == (len(rows),)
            assert batch["valid"].dtype == bool
            assert not batch["image"][~batch["valid"]].any()
            seen += visited(batch["image"][batch["valid"]]).tolist()
    assert sorted(seen) == list(range(13))


def test_eval_crops_are_the_middles_in_the_order_of_the_source(config):
    (batch,) = eval_batches(config, batch_size=16)
    assert batch["valid"].tolist() == [True] * 13 + [False] * 3
    for crop, image in zip(batch["image"], open_source(config.source), strict=False):
        top, left = (image.shape[0] - 24) // 2, (image.shape[1] - 24) // 2
        np.testing.assert_array_equal(crop, image[top : top + 24, left : left + 24])
