// Axes: from values to pixels, and where the ticks go.

function linearScale(low, high, from, to) {
  const map = (value) => from + ((value - low) / (high - low)) * (to - from);
  const step = niceStep((high - low) / Math.max(2, Math.abs(to - from) / 52));
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    ticks.push({ value: i * step, label: show(i * step, digits) });
  }
  return { map, ticks };
}

function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  return power * [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999);
}

function logScale(low, high, from, to) {
  const span = Math.log(high / low);
  const map = (value) => from + (Math.log(value / low) / span) * (to - from);
  const ticks = [];
  let last = -Infinity;
  for (let power = Math.floor(Math.log10(low)); power <= Math.log10(high); power++) {
    for (const factor of [1, 1.5, 2, 3, 5, 7]) {
      const value = factor * 10 ** power;
      if (value < low || value > high) continue;
      // Labels that would run into the one before are left out, their lines stay.
      const room = map(value) - last > 44;
      if (room) last = map(value);
      ticks.push({ value, label: room ? String(Number(value.toPrecision(2))) : "" });
    }
  }
  return { map, ticks };
}
