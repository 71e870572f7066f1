// Numbers and times as people read them. Pure functions: no DOM, so tests import this file as it is.
// An absent number (null, undefined, NaN) is always DASH, never 0.

export const DASH = '–';
export const MINUS = '\u2212';

const UNITS = {
  ns: [
    [1e9, 's'],
    [1e6, 'ms'],
    [1e3, 'µs'],
    [1, 'ns'],
  ],
  bytes: [
    [1e9, 'GB'],
    [1e6, 'MB'],
    [1e3, 'kB'],
    [1, 'B'],
  ],
  per_s: [
    [1e6, 'M/s'],
    [1e4, 'k/s'],
    [1, '/s'],
  ],
  uj: [
    [1e6, 'J'],
    [1e3, 'mJ'],
    [1, 'µJ'],
  ],
  count: [[1, '']],
};
// 12,345 inferences a second read better as 12.3 k/s; the divisor of k is 1,000 although it starts at 10,000
const DIVISOR = { 'k/s': 1e3 };

export const absent = value => value === null || value === undefined || Number.isNaN(value);

export function unitOf(value, kind) {
  const size = Math.abs(value);
  const row = UNITS[kind].find(([from]) => size >= from) || UNITS[kind][UNITS[kind].length - 1];
  return { name: row[1], divisor: DIVISOR[row[1]] || row[0] };
}

export function fixed(value, decimals) {
  const text = new Intl.NumberFormat('en-US', {
    minimumFractionDigits: decimals,
    maximumFractionDigits: decimals,
  }).format(Math.abs(value));
  return value < 0 && /[1-9]/.test(text) ? MINUS + text : text;
}

// Three significant digits; more where the interval is so narrow that its ends would look the same.
export function decimalsFor(value, width) {
  const size = Math.abs(value);
  const own = size > 0 ? Math.max(0, 2 - Math.floor(Math.log10(size))) : 0;
  if (!(width > 0)) {
    return Math.min(own, 6);
  }
  const forWidth = Math.max(0, 1 - Math.floor(Math.log10(width)));
  return Math.min(Math.max(own, Math.min(forWidth, own + 2)), 6);
}

export function number(value, kind = 'count', width = NaN) {
  if (absent(value)) {
    return DASH;
  }
  const unit = unitOf(value, kind);
  const scaled = value / unit.divisor;
  const whole = (unit.name === 'ns' || unit.name === 'B' || unit.name === '') && Number.isInteger(scaled);
  const text = fixed(scaled, whole ? 0 : decimalsFor(scaled, width / unit.divisor));
  return unit.name ? `${text} ${unit.name}` : text;
}

// [low..high] in the unit of the value it belongs to; null where there is no interval
export function interval(value, low, high, kind, width = high - low) {
  if (absent(value) || absent(low) || absent(high)) {
    return null;
  }
  const unit = unitOf(value, kind);
  const decimals = decimalsFor(value / unit.divisor, width / unit.divisor);
  return `[${fixed(low / unit.divisor, decimals)}..${fixed(high / unit.divisor, decimals)}]`;
}

export const ENOUGH = { p90_ns: 44, p99_ns: 459 };

// Why an estimate has no interval or may not be shown; null when all is well
export function estimateReason(e, metric) {
  if (!e || absent(e.value)) {
    return 'not measured';
  }
  if (e.enough === false) {
    const name = metric.replace('_ns', '').toUpperCase();
    return `n too small for ${name}` + (ENOUGH[metric] ? `: ≥ ${ENOUGH[metric]} samples in each invocation` : '');
  }
  if (absent(e.low) || absent(e.high)) {
    return `no interval: K = ${e.k ?? 0}, needs ≥ 6`;
  }
  return null;
}

export function percent(fraction, decimals = 1) {
  if (absent(fraction)) {
    return DASH;
  }
  const text = fixed(fraction * 100, decimals);
  return `${fraction > 0 && /[1-9]/.test(text) ? '+' : ''}${text} %`;
}

// a ratio B/A with its bounds, as a difference: "+8.1 % [+6.9..+9.4]"
export function difference(ratio, low, high) {
  if (absent(ratio)) {
    return { text: DASH, interval: null };
  }
  const bare = value => percent(value - 1, decimals).replace(' %', '');
  const width = absent(low) || absent(high) ? NaN : (high - low) * 100;
  const decimals = width < 0.1 ? 2 : Math.abs(ratio - 1) >= 1 ? 0 : 1;
  return {
    text: percent(ratio - 1, decimals),
    interval: Number.isNaN(width) ? null : `[${bare(low)}..${bare(high)}]`,
  };
}

// a fraction that somebody chose, with no more digits than it needs: "2 %"
export const share = fraction => `${Number((fraction * 100).toPrecision(6))} %`;

export function plural(count, word, many = `${word}s`) {
  return `${fixed(count, 0)} ${count === 1 ? word : many}`;
}

export const shortId = id => (id ? `${id.slice(0, 8)}…${id.slice(-4)}` : DASH);
export const shortSha = sha => (sha ? sha.slice(0, 12) : DASH);

const pad = n => String(n).padStart(2, '0');
export function dateTime(text) {
  const date = new Date(text);
  if (!text || Number.isNaN(date.getTime())) {
    return DASH;
  }
  return (
    `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ` +
    `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
  );
}

const AGES = [
  [86400 * 365, 'y'],
  [86400 * 30, 'mo'],
  [86400, 'd'],
  [3600, 'h'],
  [60, 'min'],
];
export function age(text, now = Date.now()) {
  const seconds = (now - new Date(text).getTime()) / 1000;
  if (!text || Number.isNaN(seconds)) {
    return DASH;
  }
  const row = AGES.find(([from]) => seconds >= from);
  return row ? `${Math.floor(seconds / row[0])} ${row[1]} ago` : 'just now';
}

// Axis ticks: the unit stands once in the axis title, so a tick is a bare number in that unit
export function tick(value, unit, step) {
  const decimals = Math.max(0, -Math.floor(Math.log10(Math.abs(step) / unit.divisor) + 1e-9));
  return fixed(value / unit.divisor, Math.min(decimals, 6));
}

export function scientific(value) {
  if (absent(value)) {
    return DASH;
  }
  if (value === 0) {
    return '0';
  }
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e5) {
    return fixed(value, Math.max(0, 3 - Math.floor(Math.log10(size)) - 1));
  }
  const [digits, exponent] = value.toExponential(2).split('e');
  return `${digits}e${exponent.replace('+', '').replace('-', MINUS)}`.replace(/^-/, MINUS);
}

export const METRICS = {
  p50_ns: { name: 'P50 latency', short: 'P50', kind: 'ns' },
  p90_ns: { name: 'P90 latency', short: 'P90', kind: 'ns' },
  p99_ns: { name: 'P99 latency', short: 'P99', kind: 'ns' },
  throughput_per_s: { name: 'Throughput', short: 'Throughput', kind: 'per_s' },
  load_ns: { name: 'Model load', short: 'Load', kind: 'ns' },
  first_inference_ns: { name: 'First inference', short: 'First', kind: 'ns' },
  peak_rss_bytes: { name: 'Peak RSS', short: 'Peak RSS', kind: 'bytes' },
  cpu_ns_per_inference: { name: 'CPU time per inference', short: 'CPU', kind: 'ns' },
  energy_uj_per_inference: { name: 'Energy per inference', short: 'Energy', kind: 'uj' },
};
// also of a metric that a newer daemon has: its field says name and unit
export const metric = field =>
  METRICS[field] || {
    name: field.replaceAll('_', ' '),
    short: field,
    kind: /_ns\b|_ns_/.test(field) ? 'ns' : /bytes/.test(field) ? 'bytes' : /_per_s$/.test(field) ? 'per_s' : 'count',
  };
