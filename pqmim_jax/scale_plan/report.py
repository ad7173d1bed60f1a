"""Plans as text."""

from collections.abc import Sequence

from pqmim_jax.scale_plan.collectives import KINDS, bytes_sent
from pqmim_jax.scale_plan.plan import Plan

GIB = 2**30
_COLUMNS = ("GiB/chip", "fits", "GFLOP", "GB", "sent MB", "step ms", "bound", "images/s", "MFU")

_SCALING_COLUMNS = (
    *("chips", "batch", "GiB/chip", "compute ms", "memory ms", "network ms", "bound"),
    *("images/s", "per chip", "efficiency"),
)


def describe(plan: Plan) -> str:
    """One plan, a line for each figure."""
    lines = [
        f"{plan.stage} train step on {plan.where.name}: {plan.where.chips} chips, "
        f"mesh {_mesh(plan)}, batch {plan.batch_size} "
        f"({plan.batch_size / plan.where.chips:g} a chip), compiled in {plan.compile_s:.0f} s",
        "",
        *_memory_lines(plan),
        "",
        *_cost_lines(plan),
        "",
        *_collective_lines(plan),
        "",
        *_roofline_lines(plan),
    ]
    return "\n".join(lines)


def header(title: str) -> str:
    """The two lines above the rows of a table."""
    return f"| {title} | {' | '.join(_COLUMNS)} |\n| --- |{' ---: |' * len(_COLUMNS)}"


def row(name: str, plan: Plan | str) -> str:
    """A line of the table."""
    if isinstance(plan, str):
        return f"| {name} | {plan} |" + " |" * (len(_COLUMNS) - 1)
    line = plan.roofline
    cells = (
        f"{plan.memory.total / GIB:.2f}",
        "yes" if plan.fits else "no",
        f"{plan.flops / 1e9:.0f}",
        f"{plan.bytes_accessed / 1e9:.2f}",
        f"{bytes_sent(plan.collectives) / 1e6:.1f}",
        f"{line.step_s * 1e3:.2f}",
        line.bound,
        f"{plan.images_per_s:.0f}",
        f"{line.mfu:.0%}",
    )
    return f"| {name} | {' | '.join(cells)} |"


def weak_scaling_header(title: str) -> str:
    """The two lines above the rows of slices that grow with one batch per chip."""
    return (
        f"| {title} | {' | '.join(_SCALING_COLUMNS)} |\n| --- |{' ---: |' * len(_SCALING_COLUMNS)}"
    )


def weak_scaling_row(named: Sequence[tuple[str, Plan | str]]) -> str:
    """The line of the last of the plans; efficiency is against the first that there is."""
    name, plan = named[-1]
    if isinstance(plan, str):
        return f"| {name} | {plan} |" + " |" * (len(_SCALING_COLUMNS) - 1)
    first = next(each for _, each in named if isinstance(each, Plan))
    line, each = plan.roofline, plan.images_per_s / plan.where.chips
    cells = (
        f"{plan.where.chips}",
        f"{plan.batch_size}",
        f"{plan.memory.total / GIB:.2f}",
        f"{line.compute_s * 1e3:.2f}",
        f"{line.memory_s * 1e3:.2f}",
        f"{line.network_s * 1e3:.2f}",
        line.bound,
        f"{plan.images_per_s:.0f}",
        f"{each:.1f}",
        f"{each / (first.images_per_s / first.where.chips):.1%}",
    )
    return f"| {name} | {' | '.join(cells)} |"


def _memory_lines(plan: Plan) -> list[str]:
    memory, available = plan.memory, plan.where.chip.hbm_bytes
    parts = {
        "arguments": memory.arguments,
        "outputs (not donated)": memory.outputs,
        "temporaries": memory.temporaries,
        "generated code": memory.code,
        "total": memory.total,
    }
    lines = [f"{f'memory a chip: {name}':42} {size / GIB:9.3f} GiB" for name, size in parts.items()]
    verdict = "fits" if plan.fits else "DOES NOT FIT"
    return [*lines, f"{'memory of the chip':42} {available / GIB:9.3f} GiB: {verdict}"]


def _cost_lines(plan: Plan) -> list[str]:
    lines = [
        f"{'FLOPs a chip and step':42} {plan.flops / 1e9:9.1f} G",
        f"{'bytes accessed a chip and step':42} {plan.bytes_accessed / 1e9:9.2f} GB",
    ]
    if plan.passes > 1:
        lines.append(
            f"(XLA counts the body of a loop once: both are times {plan.passes}, the passes of "
            "gradient accumulation)"
        )
    return lines


def _collective_lines(plan: Plan) -> list[str]:
    lines = []
    for kind in KINDS:
        some = [each for each in plan.collectives if each.kind == kind]
        if some:
            count = sum(each.runs for each in some)
            size = sum(each.bytes * each.runs for each in some)
            lines.append(
                f"{kind:20} {count:5d} a step, {size / 1e6:9.2f} MB, "
                f"a chip sends {bytes_sent(some) / 1e6:9.2f} MB"
            )
    return lines or ["no collectives"]


def _roofline_lines(plan: Plan) -> list[str]:
    line = plan.roofline
    return [
        f"{'compute':42} {line.compute_s * 1e3:9.3f} ms",
        f"{'memory':42} {line.memory_s * 1e3:9.3f} ms",
        f"{'network':42} {line.network_s * 1e3:9.3f} ms",
        f"{'roofline step':42} {line.step_s * 1e3:9.3f} ms, bound by {line.bound}",
        f"{'images/s':42} {plan.images_per_s:9.0f}",
        f"{'images/s a chip':42} {plan.images_per_s / plan.where.chips:9.1f}",
        f"{'model FLOP utilisation at the roofline':42} {line.mfu:9.1%}",
    ]


def _mesh(plan: Plan) -> str:
    return " x ".join(f"{axis} {size}" for axis, size in plan.mesh.items())
