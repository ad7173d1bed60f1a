"""ONNX Runtime sessions of one thread each."""

import numpy as np


class Session:
    """A program: called with arrays in the order of its inputs, returns its outputs.

    Safe to call from several threads.
    """

    def __init__(self, model: bytes):
        """Loads a serialised ONNX model; raises what ONNX Runtime raises if it cannot."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        # Windows run side by side instead; sums inside one are then always in the same order.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            model, options, providers=["CPUExecutionProvider"]
        )
        self._names = [each.name for each in self._session.get_inputs()]

    @property
    def signature(self) -> tuple[list[tuple], list[tuple]]:
        """(name, shape, NumPy dtype's name) of each input, and of each output."""
        both = self._session.get_inputs(), self._session.get_outputs()
        return tuple(
            [(each.name, tuple(each.shape), _dtype_name(each.type)) for each in side]
            for side in both
        )

    def __call__(self, *inputs) -> tuple[np.ndarray, ...]:
        """All outputs for arrays or NumPy scalars of the program's shapes and dtypes."""
        arrays = (np.asarray(array) for array in inputs)
        return tuple(self._session.run(None, dict(zip(self._names, arrays, strict=True))))


def _dtype_name(onnx_type: str) -> str:
    name = onnx_type.removeprefix("tensor(").removesuffix(")")
    return {"float": "float32", "double": "float64"}.get(name, name)
