import pytest

from pqmim_jax.scale_plan.errors import PlanError
from pqmim_jax.scale_plan.variants import parse_sweep, product


def test_batch_is_that_of_the_stage():
    assert parse_sweep("batch=8,16", "mim") == [
        ("batch 8", ("mim_training.batch_size=8",)),
        ("batch 16", ("mim_training.batch_size=16",)),
    ]


def test_axes_that_a_mesh_leaves_out_are_one():
    choices = parse_sweep("mesh=data:-1|data:-1,fsdp:4", "mim")
    assert [overrides for _, overrides in choices] == [
        ("mesh.data=-1", "mesh.fsdp=1", "mesh.tensor=1"),
        ("mesh.data=-1", "mesh.fsdp=4", "mesh.tensor=1"),
    ]


def test_any_key_of_the_config():
    choices = parse_sweep("pqvae_training.remat=False,True", "pqvae")
    assert choices[1][1] == ("pqvae_training.remat=True",)


@pytest.mark.parametrize(
    "text", ["batch", "batch=", "=3", "batch=1,,2", "mesh=rows:2", "mesh=data"]
)
def test_malformed_sweeps(text):
    with pytest.raises(PlanError, match="--sweep"):
        parse_sweep(text, "mim")


def test_product_has_every_combination_once():
    combined = product([[("a", ("a=1",)), ("b", ("b=1",))], [("c", ("c=1",)), ("d", ("d=1",))]])
    assert [name for name, _ in combined] == ["a, c", "a, d", "b, c", "b, d"]
    assert combined[1][1] == ("a=1", "d=1")
