// round(count * (s / S)**alpha) without a doubt about the last digit: fixed point on BigInt.
//
// The reference computes with 30 decimal digits and sends exact ties upwards by a slack of 1e-18;
// 192 bits here, with errors far below 1e-30, round everything else the same way.

const BITS = 192n;
const ONE = 1n << BITS;
const HALF_WITH_SLACK = ONE / 2n + ONE / 10n ** 18n;
const ALPHA_SCALE = 10000n; // alpha has at most 4 decimals

/**
 * Positions known after each stage: at least one more a stage.
 * @param {number} count positions
 * @param {number} stages S
 * @param {number} alphaTimes10000 the exponent in steps of 1/10000
 * @returns {number[]} S numbers, the last is count
 */
export function cumulativeSizes(count, stages, alphaTimes10000) {
  const total = Math.min(stages, count);
  const known = [];
  let last = 0;
  for (let stage = 1; stage <= total; stage++) {
    const share = power(stage, total, BigInt(alphaTimes10000));
    const wanted = Number((share * BigInt(count) + HALF_WITH_SLACK) >> BITS);
    last = Math.max(last + 1, Math.min(wanted, count - (total - stage)));
    known.push(last);
  }
  return known;
}

/** (s / S)**(alpha / 10000), in units of 2**-BITS, for 1 <= s <= S. */
function power(s, S, alpha) {
  const exponent = ((logarithm(S) - logarithm(s)) * alpha) / ALPHA_SCALE;
  return exponential(exponent);
}

/** ln(n) for an integer n >= 1: powers of two, and the series of the inverse tangent. */
function logarithm(n) {
  const exponent = 31 - Math.clz32(n);
  const mantissa = (BigInt(n) << BITS) >> BigInt(exponent);
  return BigInt(exponent) * LN_2 + 2n * inverseTangent(((mantissa - ONE) << BITS) / (mantissa + ONE));
}

/** Inverse hyperbolic tangent of z in [0, 1/3]. */
function inverseTangent(z) {
  const square = (z * z) >> BITS;
  let sum = 0n;
  for (let power = z, n = 1n; power > 0n; power = (power * square) >> BITS, n += 2n) sum += power / n;
  return sum;
}

const LN_2 = 2n * inverseTangent(ONE / 3n);

/** exp(-y) for y >= 0. */
function exponential(y) {
  const halvings = y / LN_2;
  const rest = y - halvings * LN_2;
  let sum = 0n;
  for (let term = ONE, n = 1n; term !== 0n; n++) {
    sum += term;
    term = -((term * rest) >> BITS) / n;
  }
  return sum >> halvings;
}
