import pytest

from pqmim_jax.scale_plan.collectives import Collective, parse_collectives
from pqmim_jax.scale_plan.hlo import array_bytes, elements

MODULE = """\
HloModule jit_step, is_scheduled=true, num_partitions=8

%add (x: f32[], y: f32[]) -> f32[] {
  %x = f32[] parameter(0)
  ROOT %sum = f32[] add(%x, %x)
}

%all-reduce-scatter.1 (p: f32[16,4]) -> f32[4,4] {
  %r = f32[16,4]{1,0:T(8,128)} all-reduce(%p), replica_groups=[2,4]<=[8], to_apply=%add
  ROOT %s = f32[4,4]{1,0} dynamic-slice(%r)
}

%step_1 (p: bf16[4,8]) -> bf16[32,8] {
  ROOT %g = bf16[32,8]{1,0} all-gather(%p), channel_id=7, frontend_attributes={chain_id="0"}
}

%step_2 (p: bf16[4,8]) -> bf16[32,8] {
  ROOT %g = bf16[32,8]{1,0} all-gather(%p), channel_id=7, frontend_attributes={chain_id="0"}
}

%body (s: f32[8]) -> f32[8] {
  ROOT %permuted = f32[8]{0} collective-permute(%s), channel_id=9, source_target_pairs={{0,1},{1,0}}
}

%condition (s: f32[8]) -> pred[] {
  ROOT %less = pred[] constant(true)
}

ENTRY %main (a: f32[8]) -> f32[8] {
  %f = f32[4,4]{1,0} fusion(%a), kind=kCustom, calls=%all-reduce-scatter.1
  %one = bf16[32,8]{1,0} fusion(%a), kind=kOutput, calls=%step_1
  %two = bf16[32,8]{1,0} fusion(%one), kind=kOutput, calls=%step_2
  %loop = f32[8]{0} while(%a), condition=%condition, body=%body
  ROOT %out = f32[8]{0} copy(%loop), metadata={op_name="all-reduce(x)"}
}
"""


def entry(line):
    """A module of 8 devices with one instruction."""
    return f"HloModule m, num_partitions=8\n\nENTRY %main (a: f32[8]) -> f32[8] {{\n  {line}\n}}\n"


def test_module_with_fusions_chains_and_a_loop():
    found = parse_collectives(MODULE, passes=3)
    assert found == [
        Collective("reduce-scatter", 16 * 4 * 4, 4, 1),
        Collective("all-gather", 32 * 8 * 2, 8, 1),
        Collective("collective-permute", 8 * 4, 8, 3),
    ]


def test_trip_count_in_the_text_counts_more_than_passes():
    known = MODULE.replace(
        "body=%body", 'body=%body, backend_config={"known_trip_count":{"n":"5"}}'
    )
    assert [each.runs for each in parse_collectives(known, passes=3)] == [1, 1, 5]


@pytest.mark.parametrize(
    ("line", "kind", "size"),
    [
        ("%r = (f32[8]{0:T(128)S(1)}, /*index=1*/bf16[2,3]{1,0}) all-reduce(%a, %b)", None, 44),
        ("%r = f32[8]{0} all-reduce-start(%a)", "all-reduce", 32),
        ("%r = (f32[8]{0}, f32[64]{0}) all-gather-start(%a)", "all-gather", 256),
        (
            "%r = ((f32[8]{0}, s8[8]), (f32[64]{0}, s8[64])) all-gather-start(%a, %b)",
            "all-gather",
            320,
        ),
        ("%r = f32[8]{0} reduce-scatter(%a)", "reduce-scatter", 256),
        ("ROOT %r = (f32[1], f32[1]) all-to-all(%a, %b)", "all-to-all", 8),
        (
            "%r = (f32[8], f32[8], u32[], u32[]) collective-permute-start(%a)",
            "collective-permute",
            32,
        ),
    ],
)
def test_payload_by_form(line, kind, size):
    (found,) = parse_collectives(entry(line))
    assert (found.kind, found.bytes, found.group) == (kind or "all-reduce", size, 8)


def test_the_done_of_an_asynchronous_one_does_not_count():
    assert parse_collectives(entry("%d = f32[64]{0} all-gather-done(%r)")) == []


@pytest.mark.parametrize(
    ("groups", "size"),
    [
        ("{}", 8),
        ("{{0,1},{2,3},{4,5},{6,7}}", 2),
        ("[2,4]<=[8]", 4),
        ("[4,2]<=[2,2,2]T(0,2,1)", 2),
        ("mesh['x'=2,'y'=4], device_ids=([2,4]T(1,0)) {'y'}", 4),
        ("mesh['x'=2,'y'=4] {'y'}", 4),
        ("mesh['x'=2,'y'=4] {'x','y'}", 8),
        ("mesh['x'=8] {'x':(1)2}", 2),
    ],
)
def test_group_size_of_every_notation(groups, size):
    line = f"%r = f32[8]{{0}} all-reduce(%a), channel_id=1, replica_groups={groups}, to_apply=%add"
    assert parse_collectives(entry(line))[0].group == size


def test_alone_in_a_group_sends_nothing():
    assert parse_collectives(entry("%r = f32[8] all-reduce(%a), replica_groups={{0},{1}}")) == []


@pytest.mark.parametrize(
    ("kind", "sent"),
    [
        ("all-reduce", 150.0),
        ("all-gather", 75.0),
        ("reduce-scatter", 75.0),
        ("all-to-all", 75.0),
        ("collective-permute", 100.0),
    ],
)
def test_bytes_sent_by_a_ring_of_four(kind, sent):
    assert Collective(kind, 100, 4, 1).sent == sent


def test_bytes_of_types():
    assert array_bytes("(bf16[2,3]{1,0:T(8,128)(2,1)S(1)}, s32[], pred[4], token[])") == 20
    assert array_bytes("f8e4m3fn[10]") == 10
    assert array_bytes("s4[3]") == 2


def test_elements_of_nested_tuples():
    assert elements("((f32[2], s8[3]{0:T(8)}), f32[4,4]{1,0})") == [
        "(f32[2], s8[3]{0:T(8)})",
        "f32[4,4]{1,0}",
    ]
    assert elements("f32[2,3]{1,0}") == ["f32[2,3]{1,0}"]
