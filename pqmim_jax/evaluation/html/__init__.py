"""One self-contained `report.html` from an evaluation folder."""

from pqmim_jax.evaluation.html.document import SCHEMA, EvaluationFileError
from pqmim_jax.evaluation.html.write import write_report

__all__ = ["SCHEMA", "EvaluationFileError", "write_report"]
