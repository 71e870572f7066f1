// A scenario over time: P50 and P90 by window with the knee, and the rates that a search for capacity tried.
import { html, useMemo } from '../dom.js';
import { BASE, useResource } from '../api.js';
import { Figure } from '../figure.js';
import * as f from '../format.js';
import { Badge, Failure, Loading, Table } from '../parts.js';
import { chosen, InvocationSelect, percentileName } from '../invocation.js';
import { nsAxis } from '../plot.js';
import { usePlace } from '../router.js';

// -- by window ---------------------------------------------------------------------------------------------
function windowsSpec(data, knee) {
  // a window in which no sample began has no value
  const at = key => data.t_ns.map((t, i) => ({ x: t + data.width_ns / 2, y: data[key][i], i })).filter(p => !f.absent(p.y));
  const [p50, p90] = [at('p50_ns'), at('p90_ns')];
  if (p50.length === 0) {
    return null;
  }
  const values = [...p50, ...p90].map(p => p.y);
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const pad = (high - low) * 0.15 || high * 0.05;
  const end = data.t_ns.at(-1) + data.width_ns;
  const say = ({ x, i }) => `${f.number(x, 'ns')}: P50 ${f.number(data.p50_ns[i], 'ns')}, P90 ${
    f.number(data.p90_ns[i], 'ns')}, ${f.plural(data.n[i] ?? 0, 'sample')}`;
  return {
    x: nsAxis('time since the timed phase began', 0, end), y: nsAxis('latency', Math.max(0, low - pad), high + pad),
    series: [{ kind: 'line', color: 'a', width: 1.75, dots: p50.length <= 80, data: p50, order: 0 },
      { kind: 'line', color: 'b', width: 1.5, dots: p90.length <= 80, data: p90, order: 1 }],
    rules: knee > 0 ? [{ axis: 'x', value: knee, color: 'rule', text: 'knee', dash: [4, 3] }] : [],
    tip: (which, i) => say([p50, p90][which][i]).split(/[:,] /),
    walk: { count: p50.length, at: i => [0, i], say: i => say(p50[i]) },
  };
}

function Windows({ runId, scenario, invocations, alone }) {
  const { query } = usePlace();
  const n = chosen(query, invocations);
  const { data, error, reload, busy } = useResource(`${BASE}/runs/${runId}/windows?invocation=${n}`);
  const knee = scenario.kind === 'sustained' ? scenario.knee_ns : null;
  const spec = useMemo(() => (data?.t_ns ? windowsSpec(data, knee) : null), [data, knee]);
  const rows = data?.t_ns?.map((t, i) => ({ t, i })) || [];
  const late = !!data?.lateness_p99_ns?.length;
  const ns = (key, title) => ({ key, title, num: true, cell: r => f.number(data[key][r.i], 'ns') });
  return html`<${Figure} name="windows" title="Latency by window" spec=${spec}
    className=${`${busy && data ? 'stale ' : ''}${alone ? '' : 'half'}`}
    label=${spec ? `P50 and P90 of invocation ${n} in ${f.plural(rows.length, 'window')} of ${f.number(data.width_ns, 'ns')}${
      knee > 0 ? `; the knee is at ${f.number(knee, 'ns')}` : ''}.` : ''}
    legend=${[['a', 'P50'], ['b', 'P90'], ...(knee > 0 ? [['rule', 'knee: slower from here on']] : [])]}
    controls=${html`<${InvocationSelect} n=${n} invocations=${invocations} />`}
    table=${() => html`<${Table} caption="Latency by window" rows=${rows} columns=${[
    { key: 't', title: 'From', num: true, cell: r => f.number(r.t, 'ns') }, ns('p50_ns', 'P50'), ns('p90_ns', 'P90'),
    ...(late ? [ns('lateness_p99_ns', 'Late, P99')] : []),
    { key: 'n', title: 'Samples', num: true, cell: r => f.number(data.n[r.i]) }]} />`}
    note=${data?.width_ns ? `windows of ${f.number(data.width_ns, 'ns')}` : null}>
    ${error ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Loading} rows=${5} />`
    : !spec ? html`<p class="muted">This invocation has no windows.</p>` : null}</${Figure}>`;
}

// -- the search for capacity -------------------------------------------------------------------------------
function ratesSpec(c, name) {
  const points = c.rates.map((r, i) => ({ x: r.rate_per_s, y: r.latency_ns, i, passed: r.passed }))
    .filter(p => p.y > 0 && p.x > 0).sort((a, b) => a.x - b.x);
  if (points.length === 0) {
    return null;
  }
  const all = [...points.map(p => p.y), c.bound_ns];
  const log = Math.max(...all) / Math.min(...all) > 20;
  const [good, bad] = [points.filter(p => p.passed), points.filter(p => !p.passed)];
  const series = [good, bad, points];
  const say = p => `${f.number(p.x, 'per_s')} (try ${p.i + 1}): ${name} ${f.number(p.y, 'ns')}, ${
    p.passed ? 'held' : 'failed'}`;
  const xs = points.map(p => p.x);
  const pad = (Math.max(...xs) - Math.min(...xs)) * 0.06 || xs[0] * 0.1;
  const unit = f.unitOf(c.bound_ns, 'ns');
  return {
    x: { min: Math.max(0, Math.min(...xs) - pad), max: Math.max(...xs) + pad, title: 'offered queries per second',
      tick: (v, step) => f.fixed(v, step % 1 ? 1 : 0) },
    y: { log, title: `${name} (${unit.name})`, min: log ? Math.min(...all) * 0.7 : 0, max: Math.max(...all) * (log ? 1.6 : 1.1),
      tick: (v, step) => f.tick(v, unit, step) },
    series: [{ kind: 'points', color: 'a', data: good, radius: 5, order: 0 },
      { kind: 'points', color: 'warn', shape: 'crossRot', radius: 6, data: bad, order: 0 },
      { kind: 'line', color: 'shade', data: points, order: 3 }],
    rules: [{ axis: 'y', value: c.bound_ns, color: 'rule', dash: [4, 3], text: `bound ${f.number(c.bound_ns, 'ns')}` },
      ...(f.absent(c.max_per_s) ? [] : [{ axis: 'x', value: c.max_per_s, color: 'a', text: `highest ${f.number(c.max_per_s, 'per_s')}` }])],
    tip: (which, i) => say(series[which][i]).split(/: |, /),
    walk: { count: points.length, say: i => say(points[i]),
      at: i => (points[i].passed ? [0, good.indexOf(points[i])] : [1, bad.indexOf(points[i])]) },
  };
}

function Rates({ capacity: c, alone }) {
  const name = percentileName(c.percentile);
  const spec = useMemo(() => ratesSpec(c, name), [c]);
  const rows = c.rates.map((r, i) => ({ ...r, i }));
  const table = () => html`<${Table} className="stack" caption="Rates that were tried" rows=${rows} columns=${[
    { key: 'i', title: 'Try', num: true, cell: r => r.i + 1 },
    { key: 'r', title: 'Rate', num: true, cell: r => f.number(r.rate_per_s, 'per_s') },
    { key: 'p', title: 'Result', cell: r => html`<${Badge} state=${r.passed ? 'valid' : 'failed'} text=${r.passed ? 'held' : 'failed'} />` },
    { key: 'l', title: name, num: true, cell: r => f.number(r.latency_ns, 'ns') },
    { key: 'o', title: 'Over the bound', num: true, cell: r => `${f.number(r.over_bound)} of ${f.number(r.queries)}` },
    { key: 'g', title: 'Generator late', num: true, cell: r => f.number(r.lateness_ns, 'ns') }]} />`;
  return html`<${Figure} name="rates" title="Rates that were tried" spec=${spec} table=${table}
    className=${alone ? '' : 'half'} label=${`${f.plural(rows.length, 'rate')} tried; the highest that held is ${
      f.number(c.max_per_s, 'per_s')}, ${f.number(c.failing_per_s, 'per_s')} failed.`}
    legend=${[['a-dot', 'held'], ['warn-cross', 'failed'], ['rule', 'bound']]}
    note="each try is one timed phase at that rate; a rate holds when the percentile stays under the bound and the generator kept up">
    ${spec ? null : table()}</${Figure}>`;
}

export default function ScenarioFigures({ runId, run, scenario, invocations }) {
  const capacity = run?.capacity?.bound_ns > 0 && run.capacity.rates?.length ? run.capacity : null;
  const windows = ['sustained', 'server', 'paced'].includes(scenario?.kind) && invocations.some(i => i.status === 'ok');
  return html`<div class="grid">${capacity && html`<${Rates} capacity=${capacity} alone=${!windows} />`}
    ${windows && html`<${Windows} runId=${runId} scenario=${scenario} invocations=${invocations} alone=${!capacity} />`}</div>`;
}
