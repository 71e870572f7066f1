// The Run page's figures: what each draws, says and tabulates. Drawing itself is js/chart.js.
import { html, useMemo } from '../dom.js';
import { BASE, useResource } from '../api.js';
import { Figure } from '../figure.js';
import * as f from '../format.js';
import { POLL_MS } from '../live.js';
import { Failure, Loading, Panel, Segmented, Table } from '../parts.js';
import { setQuery, usePlace } from '../router.js';

// about 4·∛n bins: enough to see two modes, not so many that each holds one sample
export const binsFor = n => Math.max(20, Math.min(120, Math.round(4 * Math.cbrt(n))));
const usable = e => e && !f.absent(e.value) && e.enough !== false;

export function nsAxis(title, min, max, extra = {}) {
  const unit = f.unitOf(Math.max(Math.abs(min), Math.abs(max)), 'ns');
  return { min, max, title: `${title} (${unit.name})`, tick: (value, step) => f.tick(value, unit, step), ...extra };
}

function short(value) {
  const [divisor, letter] = value >= 1e6 ? [1e6, 'M'] : value >= 1e3 ? [1e3, 'k'] : [1, ''];
  const scaled = value / divisor;
  return f.fixed(scaled, scaled % 1 ? 1 : 0) + letter;
}

export function countAxis(title, log, top) {
  const most = log ? 1 : top; // a linear axis of few samples has no half samples
  return {
    log, title, min: log ? 0.5 : 0, max: log ? undefined : top * 1.05 || 1,
    tick: value => (!log && most > 1 && most < 5 && value % 1 ? null : short(value)),
  };
}

export function zoomOf(query) {
  const parts = /^(\d+)-(\d+)$/.exec(query.get('zoom') || '');
  return parts && Number(parts[2]) > Number(parts[1]) ? [Number(parts[1]), Number(parts[2])] : null;
}
export const setZoom = (low, high) => setQuery({ zoom: `${Math.max(0, Math.floor(low))}-${Math.ceil(high)}` });

// Centers of bins, with an empty bin at each end so that the outline closes
export function outline(histogram, value = count => count) {
  const { low_ns: low, bin_ns: bin, counts } = histogram;
  return [{ x: low - bin / 2, y: 0 }, ...counts.map((count, i) => ({ x: low + (i + 0.5) * bin, y: value(count) })),
    { x: low + (counts.length + 0.5) * bin, y: 0 }];
}

function rulesFrom(summary) {
  return ['p50_ns', 'p90_ns', 'p99_ns'].filter(metric => usable(summary?.[metric])).map(metric => ({
    axis: 'x', value: summary[metric].value, low: summary[metric].low, high: summary[metric].high,
    text: f.METRICS[metric].short, color: 'rule',
    dash: metric === 'p50_ns' ? [] : [4, 3], strip: metric === 'p50_ns' ? undefined : 0,
  }));
}

function histogramSpec(data, summary, log) {
  const bin = i => [data.low_ns + (i - 1) * data.bin_ns, data.low_ns + i * data.bin_ns];
  const say = i => {
    const [from, to] = bin(i);
    const unit = f.unitOf(to, 'ns');
    const show = value => f.tick(value, unit, data.bin_ns);
    return `${show(from)} to ${show(to)} ${unit.name}: ${f.plural(data.counts[i - 1] ?? 0, 'sample')}`;
  };
  return {
    x: nsAxis('latency', data.low_ns, data.high_ns),
    y: countAxis('samples', log, Math.max(...data.counts)),
    series: [{ kind: 'area', step: true, color: 'a', data: outline(data) }],
    rules: rulesFrom(summary),
    tip: (_, i) => [say(i)],
    onZoom: setZoom,
    walk: { count: data.counts.length, at: i => [0, i + 1], say: i => say(i + 1) },
  };
}

function histogramTable(data) {
  const unit = f.unitOf(data.high_ns, 'ns');
  const rows = data.counts.map((count, i) => [data.low_ns + i * data.bin_ns, count]).filter(([, count]) => count > 0);
  return html`<${Table} caption="Latency histogram" rows=${rows} columns=${[
    { key: 'f', title: `From (${unit.name})`, num: true, cell: r => f.tick(r[0], unit, data.bin_ns) },
    { key: 't', title: `To (${unit.name})`, num: true, cell: r => f.tick(r[0] + data.bin_ns, unit, data.bin_ns) },
    { key: 'n', title: 'Samples', num: true, cell: r => f.number(r[1]) },
    { key: 's', title: 'Share', num: true, cell: r => `${f.fixed(r[1] / data.n * 100, 2)} %` },
  ]} />`;
}

export function outside(data) {
  const parts = [];
  if (data.below > 0) {
    parts.push(`${f.number(data.below)} below`);
  }
  if (data.above > 0) {
    parts.push(`${f.number(data.above)} above`);
  }
  return parts.length ? `${parts.join(', ')} the range shown` : '';
}

export function Histogram({ id, summary, closed, samples }) {
  const { query } = usePlace();
  const log = query.get('log') === '1';
  const zoom = zoomOf(query);
  const path = `${BASE}/runs/${id}/histogram?bins=${binsFor(samples)}` +
    (zoom ? `&low_ns=${zoom[0]}&high_ns=${zoom[1]}` : '');
  const { data, error, reload, busy } = useResource(path, { every: closed ? 0 : POLL_MS });
  const spec = useMemo(() => data && histogramSpec(data, summary, log), [data, summary, log]);
  const core = usable(summary?.p50_ns) && usable(summary?.p90_ns);
  const label = data ? `Histogram of ${f.plural(data.n, 'latency', 'latencies')}, most between ` +
    `${f.number(data.low_ns, 'ns')} and ${f.number(data.high_ns, 'ns')}; ` +
    `P50 ${f.number(summary?.p50_ns?.value, 'ns')}.` : '';
  return html`<${Figure} name="histogram" title="Latency histogram" label=${label} spec=${spec}
    table=${() => histogramTable(data)} className=${busy && data ? 'stale half' : 'half'}
    legend=${[['a', 'samples of all ok invocations'], ['rule', 'percentiles of the run'],
      ['rule-band', '95 % interval']]}
    controls=${html`<${Segmented} label="Vertical scale" value=${log ? '1' : ''}
      options=${[['', 'linear'], ['1', 'log']]} onChange=${value => setQuery({ log: value })} />
      ${core && html`<button type="button" class="small" onClick=${() => {
    const spread = summary.p90_ns.value - summary.p50_ns.value || summary.p50_ns.value * 0.01;
    setZoom(summary.p50_ns.value - 4 * spread, summary.p90_ns.value + 2 * spread);
  }}>Zoom</button>`}
      ${zoom && html`<button type="button" class="small" onClick=${() => setQuery({ zoom: null })}
        title="Esc">Reset</button>`}`}
    note=${data && [`${f.plural(data.n, 'sample')} in ${data.counts.length} bins of ${f.number(data.bin_ns, 'ns')}`,
    outside(data), 'drag across the chart to zoom'].filter(Boolean).join(' · ')}>
    ${error ? html`<${Failure} error=${error} retry=${reload} />` : !data ? html`<${Loading} rows=${5} />` : null}
    </${Figure}>`;
}

// -- time line ---------------------------------------------------------------------------------------------
function phasePoints(phase, offset) {
  return phase.t_ns.map((t, i) => ({
    x: t + offset, y: phase.p50[i], min: phase.min[i], max: phase.max[i], n: phase.n[i],
  }));
}

function timeSpec(row, clip) {
  const steadyFrom = row.warmup.count
    ? row.warmup.t_ns.at(-1) + row.warmup.p50.at(-1) * row.warmup.n.at(-1) : 0;
  const points = [...phasePoints(row.warmup, 0), ...phasePoints(row.steady, steadyFrom)];
  const warm = row.warmup.t_ns.length;
  const medians = points.slice(warm).map(p => p.y).sort((a, b) => a - b);
  const at = share => medians[Math.floor((medians.length - 1) * share)] ?? 1;
  const spread = at(0.95) - at(0.05) + at(0.5) * 0.005;
  const all = [Math.min(...points.map(p => p.min)), Math.max(...points.map(p => p.max))];
  const usual = [Math.max(all[0], at(0.05) - spread), Math.min(all[1], at(0.95) + 1.5 * spread)];
  const [low, high] = clip ? usual : all;
  const pad = (high - low) * 0.06 || high * 0.05;
  const say = i => {
    const p = points[i];
    return `${i < warm ? 'warm-up, ' : ''}${f.number(p.x, 'ns')}: median ${f.number(p.y, 'ns')}, ` +
      `${f.number(p.min, 'ns')} to ${f.number(p.max, 'ns')}, ${f.plural(p.n, 'sample')}`;
  };
  const end = points.length ? points.at(-1).x + (points.at(-1).n || 1) * points.at(-1).y : 1;
  const floor = Math.max(0, low - pad);
  return {
    points, warm, say,
    x: nsAxis('time since the first warm-up inference', 0, end),
    y: nsAxis('latency', floor, high + pad),
    series: [
      { kind: 'line', color: 'a', width: 1.75, dots: points.length <= 80, data: points, order: 0 },
      { kind: 'band', color: 'a', to: '+1', data: points.map(p => ({ x: p.x, y: p.max })), order: 2 },
      { kind: 'band', color: 'a', to: false, data: points.map(p => ({ x: p.x, y: p.min })), order: 2 },
    ],
    shades: warm ? [{ from: 0, to: steadyFrom, text: 'warm-up' }] : [],
    tip: (_, i) => say(i).replace(': ', '\n').split('\n').flatMap(line => line.split(', ')),
    walk: { count: points.length, at: i => [0, i], say },
  };
}

function timeTable(spec) {
  const rows = spec.points.map((p, i) => ({ ...p, phase: i < spec.warm ? 'warm-up' : 'steady' }));
  const ns = (key, title) => ({ key, title, num: true, cell: r => f.number(r[key], 'ns') });
  return html`<${Table} caption="Samples over time" rows=${rows} columns=${[
    { key: 'phase', title: 'Phase', cell: r => r.phase }, ns('x', 'From'), ns('min', 'Min'), ns('y', 'Median'),
    ns('max', 'Max'), { key: 'n', title: 'Samples', num: true, cell: r => f.number(r.n) }]} />`;
}

export function TimeLine({ id, invocations }) {
  const { query } = usePlace();
  const ok = invocations.filter(i => i.status === 'ok');
  const asked = query.get('inv');
  const n = asked !== null && invocations.some(i => String(i.n) === asked) ? Number(asked) : ok[0].n;
  const clip = query.get('clip') === '1';
  const { data, error, reload, busy } = useResource(`${BASE}/runs/${id}/samples?invocation=${n}&buckets=600`);
  const row = data?.invocations.find(i => i.n === n) || (busy ? data?.invocations[0] : null);
  const empty = row && row.warmup.count + row.steady.count === 0;
  const spec = useMemo(() => (row && !empty ? timeSpec(row, clip) : null), [row, clip]);
  const per = row ? Math.ceil(row.steady.count / Math.max(1, row.steady.t_ns.length)) : 1;
  return html`<${Figure} name="timeline" title="Samples over time" spec=${spec}
    className=${busy && data ? 'stale half' : 'half'}
    label=${row && !empty ? `Latency over time of invocation ${n}: ${f.plural(row.warmup.count, 'warm-up sample')}, ` +
      `${f.plural(row.steady.count, 'timed sample')}.` : ''} table=${() => timeTable(spec)}
    legend=${[['a', 'median'], ...(per > 1 ? [['a-fill', 'min to max']] : []), ['shade', 'warm-up, not counted']]}
    controls=${html`<label class="inline">Invocation <select value=${String(n)}
      onChange=${event => setQuery({ inv: event.target.value === String(ok[0].n) ? null : event.target.value })}>
      ${invocations.map(i => html`<option key=${i.n} value=${String(i.n)} selected=${i.n === n}>${i.n}${
      i.status === 'ok' ? '' : ' (failed)'}</option>`)}</select></label>
      <${Segmented} label="Vertical range" value=${clip ? '1' : ''} options=${[['', 'all'], ['1', 'typical']]}
      onChange=${value => setQuery({ clip: value })} />`}
    note=${row && [f.plural(row.steady.count, 'timed sample'),
      per > 1 && `up to ${per} a bucket, of which the minimum and maximum are kept: no outlier is lost`,
      clip && 'cut to the typical range: “all” has the rest'].filter(Boolean).join(' · ')}>
    ${error ? html`<${Failure} error=${error} retry=${reload} />` : empty
    ? html`<p class="muted">This invocation has no samples.</p>` : !data ? html`<${Loading} rows=${5} />` : null}
    </${Figure}>`;
}

// -- one dot per invocation --------------------------------------------------------------------------------
export const DOTS = ['p50_ns', 'p90_ns', 'p99_ns', 'throughput_per_s', 'load_ns', 'first_inference_ns',
  'peak_rss_bytes'];
export function metricOf(invocation, metric) {
  if (metric === 'peak_rss_bytes') {
    const peaks = ['memory_load', 'memory_first', 'memory_steady'].map(p => invocation[p]?.peak_rss_bytes)
      .filter(v => !f.absent(v));
    return peaks.length ? Math.max(...peaks) : null;
  }
  return invocation[metric];
}

function dotsSpec(invocations, summary, metric) {
  const { kind, short } = f.METRICS[metric];
  const within = metric === 'p50_ns';
  const points = invocations.filter(i => i.status === 'ok' && !f.absent(metricOf(i, metric))).map(i => ({
    x: i.n, y: metricOf(i, metric),
    low: within && i.p50_low_ns >= 0 ? i.p50_low_ns : null, high: within && i.p50_high_ns >= 0 ? i.p50_high_ns : null,
  }));
  const e = summary?.[metric];
  const ends = [...points.flatMap(p => [p.y, p.low, p.high]), ...(usable(e) ? [e.low, e.high] : [])]
    .filter(v => !f.absent(v));
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const pad = (high - low) * 0.12 || high * 0.02 || 1;
  const unit = f.unitOf(high, kind);
  const say = i => `invocation ${points[i].x}: ${short} ${f.number(points[i].y, kind, high - low)}` +
    (points[i].low === null ? '' : ` ${f.interval(points[i].y, points[i].low, points[i].high, kind)}`);
  return points.length === 0 ? null : {
    x: { min: -0.6, max: Math.max(...invocations.map(i => i.n)) + 0.6, title: 'invocation',
      tick: value => (Number.isInteger(value) ? String(value) : null) },
    y: { min: Math.max(0, low - pad), max: high + pad, title: `${short}${unit.name ? ` (${unit.name})` : ''}`,
      tick: (value, step) => f.tick(value, unit, step) },
    series: [{ kind: 'points', color: 'a', whiskers: true, data: points }],
    rules: usable(e) ? [{ axis: 'y', value: e.value, low: e.low, high: e.high, color: 'rule', text: '' }] : [],
    tip: (_, i) => [say(i)],
    walk: { count: points.length, at: i => [0, i], say },
  };
}

export function InvocationDots({ invocations, summary }) {
  const { query } = usePlace();
  const asked = query.get('metric');
  const metric = DOTS.includes(asked) ? asked : 'p50_ns';
  const { name, short, kind } = f.METRICS[metric];
  const spec = useMemo(() => dotsSpec(invocations, summary, metric), [invocations, summary, metric]);
  const failed = invocations.filter(i => i.status !== 'ok').length;
  const e = summary?.[metric];
  const values = invocations.filter(i => i.status === 'ok');
  const ends = values.map(i => metricOf(i, metric)).filter(v => !f.absent(v));
  const width = Math.max(...ends) - Math.min(...ends);
  return html`<${Figure} name="dots" title="Invocation by invocation" spec=${spec} className="third"
    label=${`${name} of ${f.plural(values.length, 'invocation')}; the run's median is ${f.number(e?.value, kind)}.`}
    legend=${[['a-dot', metric === 'p50_ns' ? 'P50 with its interval within the process' : name],
    ['rule', 'median over invocations'], ['rule-band', '95 % interval over invocations']]}
    controls=${html`<label class="inline">Metric <select value=${metric}
      onChange=${event => setQuery({ metric: event.target.value === 'p50_ns' ? null : event.target.value })}>
      ${DOTS.map(m => html`<option key=${m} value=${m} selected=${m === metric}>${f.METRICS[m].name}</option>`)}
      </select></label>`}
    table=${() => html`<${Table} caption=${`${name} by invocation`} rows=${values} columns=${[
    { key: 'n', title: 'Invocation', num: true, cell: i => i.n },
    { key: 'v', title: short, num: true, cell: i => f.number(metricOf(i, metric), kind, width) }]} />`}
    note=${[usable(e) ? f.estimateReason(e, metric) : e && f.estimateReason(e, metric),
    failed ? `${f.plural(failed, 'failed invocation')} not drawn` : null].filter(Boolean).join(' · ')}>
    ${spec ? null : html`<p class="muted">No invocation has this metric.</p>`}</${Figure}>`;
}

// -- memory and start-up: tables with bars, no canvas needed -----------------------------------------------
export function median(values) {
  const s = values.filter(v => !f.absent(v)).sort((a, b) => a - b);
  return s.length === 0 ? null : s.length % 2 ? s[(s.length - 1) / 2] : (s[s.length / 2 - 1] + s[s.length / 2]) / 2;
}

function Bar({ parts, total }) {
  return html`<span class="bar-track" aria-hidden="true">${parts.map(([key, value]) => value > 0 && html`<span
    key=${key} class=${`bar-part ${key}`}
      style=${{ width: `${Math.max(0.4, value / total * 100)}%` }}></span>`)}</span>`;
}

export function Memory({ invocations }) {
  const phases = [['memory_load', 'after load'], ['memory_first', 'first inference'], ['memory_steady', 'steady']];
  const rows = phases.map(([key, name]) => {
    const of = field => median(invocations.map(i => i[key]?.[field]));
    return { name, peak: of('peak_rss_bytes'), anon: of('anon_bytes'), file: of('file_bytes'),
      minor: of('minor_faults'), major: of('major_faults') };
  });
  const total = Math.max(...rows.map(r => Math.max(r.peak || 0, (r.anon || 0) + (r.file || 0))), 1);
  const array = median(invocations.map(i => i.own_array_bytes));
  const bytes = (key, title) => ({ key, title, num: true, cell: r => f.number(r[key], 'bytes') });
  return html`<${Panel} title="Memory by phase" id="memory" className="third">
    <ul class="legend"><li><span class="swatch b-anon"></span>anonymous</li><li><span
      class="swatch b-file"></span>file-backed</li>
      <li><span class="swatch b-peak"></span>peak RSS</li></ul>
    <${Table} className="bars" caption="Memory by phase, medians over invocations" rows=${rows} columns=${[
    { key: 'name', title: 'Phase',
      cell: r => html`${r.name}<span class="peak-wrap" aria-hidden="true"><${Bar} total=${total}
      parts=${[['anon', r.anon || 0], ['file', r.file || 0]]} />${!f.absent(r.peak) && html`<span class="peak-mark"
      style=${{ left: `${Math.min(100, r.peak / total * 100)}%` }}></span>`}</span>${!f.absent(r.minor) && html`<span
      class="under faults">${f.plural(r.minor, 'page fault')}${
  r.major > 0 ? `, ${f.number(r.major)} major` : ''}</span>`}` },
    bytes('peak', 'Peak RSS'), bytes('anon', 'Anon.'), bytes('file', 'File'),
  ]} /><p class="note">${array > 0
    ? `Our own sample array (${f.number(array, 'bytes')}) is already taken off. ` : ''}Medians over
    invocations.</p></${Panel}>`;
}

export function Startup({ invocations }) {
  const steps = [['spawn_ns', 'process start'], ['load_ns', 'model load'], ['first_inference_ns', 'first inference'],
    ['warmup_ns', 'warm-up'], ['steady_ns', 'timed phase']];
  const rows = steps.map(([key, name]) => {
    const values = invocations.map(i => i[key]).filter(v => v > 0); // 0: there was no such step
    return { name, value: median(values), low: Math.min(...values), high: Math.max(...values), count: values.length };
  }).filter(row => row.count > 0);
  const own = rows.filter(r => r.name !== 'warm-up' && r.name !== 'timed phase'); // those are as long as asked for
  const total = Math.max(...own.map(r => r.value), 1);
  return html`<${Panel} title="Where the time of an invocation goes" id="startup" className="third">
    <${Table} className="bars" caption="Steps of an invocation" rows=${rows} columns=${[
    { key: 'name', title: 'Step',
      cell: r => html`${r.name}${own.includes(r) && html`<${Bar} total=${total} parts=${[['a', r.value]]} />`}` },
    { key: 'v', title: 'Median', num: true, cell: r => f.number(r.value, 'ns', r.high - r.low) },
    { key: 'r', title: 'Min..max', num: true, cell: r => (r.count > 1
      ? html`<span class="range flat">${f.interval(r.value, r.low, r.high, 'ns')}</span>` : f.DASH) },
  ]} /><p class="note">Medians over ${f.plural(invocations.length, 'invocation')}; warm-up and timed phase are as long as
    was asked for.</p></${Panel}>`;
}
