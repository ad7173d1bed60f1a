// Codebook orders: a spatial order times an order of a token's M sub-quantizers, as in
// pqmim_jax/masking/codebook.py. Each returns a function (spatial stage, m) -> stage.

/** All sub-quantizers of a token in the same stage. */
export function joint() {
  return (stage) => stage;
}

/** Groups outermost, spatial stages inside. */
export function codebookMajor(spatialStages, M, { groups }) {
  return (stage, m) => groupOf(m, M, groups) * spatialStages + stage;
}

/** Spatial stages outermost, groups inside. */
export function tokenMajor(spatialStages, M, { groups }) {
  const count = groupOf(M - 1, M, groups) + 1;
  return (stage, m) => stage * count + groupOf(m, M, groups);
}

/** The leading `size` sub-quantizers in spatial stages, every further run in one stage. */
export function coarseFirst(spatialStages, M, { size }) {
  return (stage, m) => (m < size ? stage : spatialStages - 1 + Math.floor(m / size));
}

/** The leading `size` sub-quantizers in spatial stages, all others in the last of them. */
export function coarseThenFine(spatialStages, M, { size }) {
  return (stage, m) => (m < size ? stage : spatialStages - 1);
}

function groupOf(m, M, groups) {
  return Math.floor((m * Math.min(groups ?? M, M)) / M);
}
