// From what a sampler recorded to what people read: gauges as levels, counters as rates, energy as power. Decided by
// unit and kind alone.
import * as f from '../format.js';

const PREFIXES = [
  [1e9, 'G'],
  [1e6, 'M'],
  [1e3, 'k'],
  [1, ''],
];
function scaled(value, unit) {
  if (f.absent(value)) {
    return f.DASH;
  }
  const [divisor, prefix] = PREFIXES.find(([from]) => Math.abs(value) >= from) || [1, ''];
  const part = value / divisor;
  const decimals = Math.abs(part) >= 100 || (Number.isInteger(part) && !prefix) ? 0 : Math.abs(part) >= 10 ? 1 : 2;
  return `${f.fixed(part, decimals)}${prefix || unit ? ' ' : ''}${prefix}${unit}`;
}
const plain = (unit, decimals) => value => (f.absent(value) ? f.DASH : `${f.fixed(value, decimals)} ${unit}`);
const percent = value =>
  f.absent(value) ? f.DASH : `${f.fixed(value, Math.abs(value) < 9.95 && value !== 0 ? 1 : 0)} %`;

// unit -> [factor, how it is shown]; of a rate per second, of a level
const RATES = {
  ns: [1e-7, percent],
  us: [1e-4, percent],
  ms: [0.1, percent],
  uj: [1e-6, plain('W', 2)],
  mj: [1e-3, plain('W', 2)],
  j: [1, plain('W', 2)],
  bytes: [1, v => `${f.number(v, 'bytes')}${f.absent(v) ? '' : '/s'}`],
};
const LEVELS = {
  khz: [1e3, v => scaled(v, 'Hz')],
  mhz: [1e6, v => scaled(v, 'Hz')],
  hz: [1, v => scaled(v, 'Hz')],
  mc: [1e-3, plain('°C', 1)],
  milli: [1e-3, v => (f.absent(v) ? f.DASH : f.fixed(v, 2))],
  uw: [1e-6, plain('W', 2)],
  mw: [1e-3, plain('W', 2)],
  ppm: [1e-4, percent],
  percent: [1, percent],
  ns: [1, v => f.number(v, 'ns')],
  us: [1e3, v => f.number(v, 'ns')],
  bytes: [1, v => f.number(v, 'bytes')],
  mv: [1e-3, plain('V', 3)],
  ma: [1e-3, plain('A', 3)],
};

// "process_cpu_ns" in ns -> "process cpu", ns: the unit is shown with the value
function named({ name, unit }) {
  if (name.endsWith('_milli')) {
    return [name.slice(0, -6).replaceAll('_', ' '), 'milli'];
  }
  const key = unit.toLowerCase();
  const cut = key !== 'count' && name.toLowerCase().endsWith(`_${key}`);
  return [(cut ? name.slice(0, -key.length - 1) : name).replaceAll('_', ' '), key];
}

// Counters of the kernel move in steps of up to 10 ms: a rate over less time than this is made of one step.
const SHORTEST = 20e6;

function ratesOf(lane, times, factor) {
  const points = [];
  let last = -1;
  times.forEach((t, i) => {
    const value = lane.values[i];
    if (f.absent(value)) {
      points.push({ x: t, from: t, y: null });
      last = -1;
    } else if (last < 0) {
      last = i;
    } else if (t - times[last] >= SHORTEST) {
      points.push({ x: t, from: times[last], y: ((value - lane.values[last]) * factor) / ((t - times[last]) / 1e9) });
      last = i;
    }
  });
  return points;
}

export function laneOf(lane, times, sampler) {
  const rate = lane.kind === 'counter' || lane.kind === 'energy';
  const [label, unit] = named(lane);
  const [factor, show] = (rate ? RATES : LEVELS)[unit] || [
    1,
    value => (f.absent(value) ? f.DASH : scaled(value, rate ? '/s' : '')),
  ];
  const levels = () => times.map((t, i) => ({ x: t, y: f.absent(lane.values[i]) ? null : lane.values[i] * factor }));
  return {
    key: `${sampler}.${lane.name}`,
    label,
    steps: rate,
    points: rate ? ratesOf(lane, times, factor) : levels(),
    show,
    detail: `${lane.scope}${rate && unit === 'ns' ? ', of one core' : ''}${lane.kind === 'energy' ? ', power' : ''}`,
    between: (low, high) => (show(low) === show(high) ? show(low) : `${show(low)} to ${show(high)}`),
  };
}

// lowest and highest of what is drawn; `exact` without the margin that a flat line needs
export function extent(points, band, exact) {
  const low = points.map(p => (band ? p.min : p.y)).filter(v => !f.absent(v));
  const high = band ? points.map(p => p.max).filter(v => !f.absent(v)) : low;
  if (low.length === 0) {
    return exact ? [null, null] : [0, 1];
  }
  const [a, b] = [low.reduce((x, y) => Math.min(x, y)), high.reduce((x, y) => Math.max(x, y))];
  return exact || b > a ? [a, b] : [a - (Math.abs(a) * 0.1 || 1), b + (Math.abs(b) * 0.1 || 1)];
}

// the next of 1, 2, 5 times a power of ten
export function nice(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * ([1, 2, 5, 10].find(m => m * power >= step) || 10);
}
