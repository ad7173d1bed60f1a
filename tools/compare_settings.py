"""Are the logits of a model the same whatever JAX and ONNX Runtime are set to?

    python tools/compare_settings.py KODAK/ [--qualities 8,12,20] [--limit N] [--only TEXT] \
        [--python OTHER/bin/python] [--wasm FOLDER]

Indices are chosen once, in this process's JAX. Then all logits of all stages that lead to them are
computed in a fresh process for each setting, one setting changed at a time, and their SHA-256 for
each picture and quality is compared with this process's. `--only` runs the settings whose name
holds TEXT. `--python` names an interpreter with other releases of onnxruntime or JAX: all settings
are run there. `--wasm` names a folder where `npm install onnxruntime-web` was run, and adds that
runtime in Node.js. Prints a line for each setting; exits 1 if any logit differs.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

MODEL_FOLDER, INDICES = "onnx", "indices.npz"
PRECISIONS = (
    "default",
    "high",
    "highest",
    "bfloat16",
    "float32",
    "BF16_BF16_F32",
    "BF16_BF16_F32_X3",
    "BF16_BF16_F32_X6",
    "F32_F32_F32",
)
FAST_MATH = "--xla_cpu_enable_fast_math=true " + " ".join(
    f"--xla_cpu_fast_math_honor_{what}=false" for what in ("infs", "nans", "division", "functions")
)
WASM = Path(__file__).parent / "portability" / "run_in_wasm.mjs"
LEVELS = ("disable_all", "enable_basic", "enable_extended", "enable_all")


def settings(wasm: str | None) -> dict[str, tuple[str, dict, dict]]:
    """(runtime, environment, options of the worker) by name."""
    found = {
        f"JAX, instructions up to {isa}": ("jax", {"XLA_FLAGS": f"--xla_cpu_max_isa={isa}"}, {})
        for isa in ("SSE4_2", "AVX", "AVX2", "AVX512")
    }
    found |= {f"JAX, {n} threads": ("jax", {}, {"threads": n}) for n in range(1, 9)}
    found |= {
        f"JAX, matmul precision {name}": ("jax", {"JAX_DEFAULT_MATMUL_PRECISION": name}, {})
        for name in PRECISIONS
    }
    found["JAX, x64"] = ("jax", {"JAX_ENABLE_X64": "1"}, {})
    found["JAX, fast-math"] = ("jax", {"XLA_FLAGS": FAST_MATH}, {})
    for level in LEVELS:
        for threads in (1, 2, 4):
            options = {"level": level, "threads": threads}
            found[f"ONNX Runtime, {level}, {threads} threads"] = ("onnx", {}, options)
    if wasm:
        found["onnxruntime-web, wasm in Node.js"] = ("wasm", {}, {"node_modules": wasm})
    return found


def jax_programs(options: dict):
    """Traced under the caller's settings, not those that the codec pins."""
    import jax
    from portability.logits import LogitPrograms

    from pqmim_jax.codec.networks import Networks
    from pqmim_jax.codec.programs import Programs
    from pqmim_jax.model_store import load_model

    model = load_model(options["model"])
    networks, programs = Networks(model), Programs(model, options.get("threads"))

    def run(network):
        function, params = jax.jit(network.function), jax.device_put(network.params)
        count = len(network.inputs)  # most models are not told the quality
        return lambda *inputs: np.asarray(function(params, *inputs[:count]))

    logits = LogitPrograms(programs, run(networks.head_to_fixed_logits()))
    logits.context = run(networks.context)
    return logits


def onnx_programs(options: dict):
    """With threads inside of a program, as the codec never uses them."""
    import onnxruntime

    def run(name):
        chosen = onnxruntime.SessionOptions()
        chosen.intra_op_num_threads = options["threads"]
        level = f"ORT_{options['level'].upper()}"
        chosen.graph_optimization_level = getattr(onnxruntime.GraphOptimizationLevel, level)
        data = (Path(options["folder"]) / MODEL_FOLDER / f"{name}.onnx").read_bytes()
        session = onnxruntime.InferenceSession(data, chosen, providers=["CPUExecutionProvider"])
        names = [each.name for each in session.get_inputs()]
        return lambda *xs: session.run(
            None, {n: np.asarray(x) for n, x in zip(names, xs, strict=True)}
        )[0]

    return OnnxLogits(run("context"), run("head"), options["folder"])


def wasm_programs(options: dict):
    folder = Path(options["folder"]) / MODEL_FOLDER
    process = subprocess.Popen(
        ["node", WASM, folder, options["node_modules"]],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )

    def run(name):
        def call(*inputs):
            arrays = [np.ascontiguousarray(each) for each in inputs]
            described = [
                {"type": a.dtype.name, "dims": np.shape(x)}
                for a, x in zip(arrays, inputs, strict=True)
            ]
            process.stdin.write(json.dumps({"program": name, "inputs": described}).encode() + b"\n")
            for array in arrays:
                process.stdin.write(array.tobytes())
            process.stdin.flush()
            answer = json.loads(process.stdout.readline())
            dtype, size = np.dtype(answer["type"]), int(np.prod(answer["dims"]))
            data = process.stdout.read(size * dtype.itemsize)
            return np.frombuffer(data, dtype).reshape(answer["dims"])

        return call

    return OnnxLogits(run("context"), run("head"), options["folder"])


class OnnxLogits:
    """A `ProgramSet` for `run_stages` whose head stops at the logits."""

    few_shapes, threads = False, 1

    def __init__(self, context, head, folder: str):
        """Functions of arrays, and where the export's folder lies."""
        self._run, self.head = context, head
        manifest = json.loads((Path(folder) / MODEL_FOLDER / "manifest.json").read_text())
        self._inputs = manifest["programs"]["context"]["inputs"]

    def context(self, *inputs) -> np.ndarray:
        """Of a window and a quality, which most models are not told."""
        return self._run(*inputs[: len(self._inputs)])

    def unknown_context(self, quality: int) -> np.ndarray:
        """Of a window of which nothing is known."""
        window = np.full(self._inputs[0]["shape"], -1, np.int32)
        return self.context(window, np.int32(quality))

    def map(self, function, items) -> list:
        """One after the other."""
        return [function(each) for each in items]


def digests(programs, codec, folder: Path) -> dict[str, str]:
    """SHA-256 of all logits of each picture and quality."""
    from portability.logits import all_logits

    found = {}
    with np.load(folder / INDICES) as indices:
        for name in indices.files:
            digest, count = hashlib.sha256(), 0
            for logits in all_logits(codec, programs, indices[name], int(name.split("@")[1])):
                digest.update(np.ascontiguousarray(logits, "<i4").tobytes())
                count += logits.size
            found[name] = f"{digest.hexdigest()} {count}"
    return found


def work(options: dict) -> None:
    """The worker: prints what it found as its last line."""
    from pqmim_jax.runtime import load_codec

    folder = Path(options["folder"])
    make = {"jax": jax_programs, "onnx": onnx_programs, "wasm": wasm_programs}
    programs = make[options["runtime"]](options)
    codec = load_codec(folder / MODEL_FOLDER)
    print(json.dumps(digests(programs, codec, folder)))


def prepare(options: argparse.Namespace, folder: Path) -> dict[str, str]:
    from portability.logits import LogitPrograms, jax_head

    from pqmim_jax import model_store
    from pqmim_jax.codec import Codec
    from pqmim_jax.evaluation.pictures import find_images
    from pqmim_jax.export import export_model
    from pqmim_jax.images import read_image

    model = model_store.load_model(options.model)
    codec = Codec.of(model)
    export_model(model, "onnx", folder / MODEL_FOLDER)
    indices = {}
    for path in find_images(options.pictures)[: options.limit]:
        for quality in map(int, options.qualities.split(",")):
            encoded = codec.encode(read_image(path), quality=quality, refinement_steps=0)
            indices[f"{path.stem}@{quality}"] = encoded.indices
    np.savez(folder / INDICES, **indices)
    return digests(LogitPrograms(codec.programs, jax_head(model)), codec, folder)


def main() -> None:
    options = parsed()
    if options.worker:
        work(json.loads(options.worker))
        return
    failed = False
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        expected = prepare(options, folder)
        total = sum(int(each.split()[1]) for each in expected.values())
        print(f"{len(expected)} pictures and qualities, {total} logits", flush=True)
        for name, (runtime, environment, chosen) in settings(options.wasm).items():
            if options.only and options.only not in name:
                continue
            task = {"model": options.model, "folder": str(folder), "runtime": runtime, **chosen}
            command = [options.python, __file__, "--worker", json.dumps(task)]
            began = time.perf_counter()
            done = subprocess.run(
                command, env={**os.environ, **environment}, capture_output=True, text=True
            )
            if done.returncode:
                failed = True
                print(f"{name}: failed: {done.stderr.strip().splitlines()[-1]}", flush=True)
                continue
            found = json.loads(done.stdout.splitlines()[-1])
            wrong = [key for key in expected if found[key] != expected[key]]
            failed |= bool(wrong)
            seconds = time.perf_counter() - began
            print(f"{name}: {len(wrong)} of {len(expected)} differ ({seconds:.0f} s)", flush=True)
    sys.exit(int(failed))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", type=Path, nargs="?")
    parser.add_argument("--model", default="small")
    parser.add_argument("--qualities", default="8,12,20")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--only", metavar="TEXT")
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--wasm", metavar="FOLDER")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
