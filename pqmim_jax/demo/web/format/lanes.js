// How many interleaved coder states a payload can afford.

export const LANE_COUNTS = [1, 4, 16, 64, 256, 1024, 4096, 16384];

const LANE_OVERHEAD = 500; // extra lanes may cost 1/500 = 0.2% of the payload

/** The most lanes that cost at most 0.2% of a payload of so many bits: 64 * lanes - 32 bits. */
export function chooseLanes(payloadBits, longestChunk) {
  let lanes = LANE_COUNTS[0];
  for (const more of LANE_COUNTS.slice(1)) {
    if (lanes >= longestChunk || (64 * more - 32) * LANE_OVERHEAD > payloadBits) break;
    lanes = more;
  }
  return lanes;
}
