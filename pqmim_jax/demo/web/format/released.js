// Models that came with releases of the package, by what their files say of them: the rows and the
// meaning of pqmim_jax/coding/released.py.

/** name, format version, fingerprint, decoder, last version of the package that held it or null. */
export const RELEASED = [
  ["small", 2, 0xe025, null, "0.1.0"],
  ["small-perceptual", 2, 0x019d, null, "0.1.0"],
  ["small", 3, 0x198eb3b7, 0x4dc7, null],
  ["small-perceptual", 3, 0x198eb3b7, 0x0c1d, null],
];

/** Name and last version of the model that made a file, or of one with another decoder; or null. */
export function releasedModel(formatVersion, fingerprint, decoder = null) {
  const alike = RELEASED.filter((row) => row[1] === formatVersion && row[2] === fingerprint);
  const found = alike.find((row) => row[3] === decoder) ?? alike[0];
  return found ? { name: found[0], lastVersion: found[4] } : null;
}

/** What ends a line on a file of another model: who has that one; "" if nobody knows. */
export function whereToFind(formatVersion, fingerprint, decoder) {
  const model = releasedModel(formatVersion, fingerprint, decoder);
  if (model === null) return "";
  if (model.lastVersion === null) return `: model '${model.name}', which this page can be served with`;
  return (
    `: model '${model.name}' of pqmim_jax ${model.lastVersion}, which this version no longer ` +
    `packages; install pqmim-jax==${model.lastVersion}, or serve this page with that model`
  );
}
