// What the pages know of one invocation: which is shown, its points in time, its value of a metric.
import { BASE } from './api.js';
import { html } from './dom.js';
import * as f from './format.js';
import { setQuery } from './router.js';

// The invocation that time-line, lanes and windows show: inv= in the address, else the first that is ok
export function chosen(query, invocations) {
  const asked = query.get('inv');
  return asked !== null && invocations.some(i => String(i.n) === asked) ? Number(asked)
    : invocations.find(i => i.status === 'ok')?.n;
}
export const choose = (n, invocations) => setQuery({ inv: n === chosen(new URLSearchParams(), invocations) ? null : n });

export function InvocationSelect({ n, invocations }) {
  return html`<label class="inline">Invocation <select value=${String(n)}
    onChange=${event => choose(Number(event.target.value), invocations)}>
    ${invocations.map(i => html`<option key=${i.n} value=${String(i.n)} selected=${i.n === n}>${i.n}${
    i.status === 'ok' ? '' : ' (failed)'}</option>`)}</select></label>`;
}

// a stretch of the timed phase alone is asked for anew, so that zooming in shows more
export const samplesPath = (id, n, stretch) => `${BASE}/runs/${id}/samples?invocation=${n}&buckets=600` +
  (stretch && stretch[0] >= 0 ? `&phase=steady&from=${stretch[0]}&to=${stretch[1]}` : '');

// -- its samples over time ---------------------------------------------------------------------------------
function phasePoints(phase, offset) {
  return phase.t_ns.map((t, i) => ({
    x: t + offset, y: phase.p50[i], min: phase.min[i], max: phase.max[i], n: phase.n[i],
  }));
}

const NOTHING = { count: 0, t_ns: [], p50: [], min: [], max: [], n: [] };
export const samplesIn = row => [row.warmup?.count ?? 0, row.steady?.count ?? 0];

// ns from the begin of the timed phase: warm-up lies before 0, as in the samplers' lanes
export function timePoints(row) {
  const { warmup = NOTHING, steady = NOTHING } = row;
  const warmNs = warmup.count ? warmup.t_ns.at(-1) + warmup.p50.at(-1) * warmup.n.at(-1) : 0;
  return [...phasePoints(warmup, -warmNs), ...phasePoints(steady, 0)];
}

// -- its metrics -------------------------------------------------------------------------------------------
export const DOTS = ['p50_ns', 'p90_ns', 'p99_ns', 'throughput_per_s', 'load_ns', 'first_inference_ns',
  'peak_rss_bytes', 'cpu_ns_per_inference'];
export function metricOf(invocation, metric) {
  if (metric === 'peak_rss_bytes') {
    const peaks = ['memory_load', 'memory_first', 'memory_steady'].map(p => invocation[p]?.peak_rss_bytes)
      .filter(v => !f.absent(v));
    return peaks.length ? Math.max(...peaks) : null;
  }
  if (metric === 'cpu_ns_per_inference') {
    return invocation.iterations > 0 && !f.absent(invocation.cpu_ns) ? invocation.cpu_ns / invocation.iterations : null;
  }
  return invocation[metric];
}

export function median(values) {
  const s = values.filter(v => !f.absent(v)).sort((a, b) => a - b);
  return s.length === 0 ? null : s.length % 2 ? s[(s.length - 1) / 2] : (s[s.length / 2 - 1] + s[s.length / 2]) / 2;
}

export const percentileName = parts => `P${Number((parts / 100).toFixed(2))}`;
