// The Run page's figures: what each draws, says and tabulates. Drawing itself is js/chart.js.
import { html, useMemo } from '../dom.js';
import { BASE, useResource } from '../api.js';
import { point, setStretch, stretchOf } from '../cursor.js';
import { Figure } from '../figure.js';
import * as f from '../format.js';
import { chosen, InvocationSelect, samplesIn, samplesPath, timePoints } from '../invocation.js';
import { POLL_MS } from '../live.js';
import { Failure, Loading, Segmented, Table } from '../parts.js';
import { binsFor, countAxis, nsAxis, outline, outside, setZoom, usable, zoomOf } from '../plot.js';
import { setQuery, usePlace } from '../router.js';

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
function timeSpec(row, clip, stretch) {
  const points = timePoints(row);
  const warm = points.filter(p => p.x < 0).length;
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
    x: nsAxis('time since the timed phase began', ...(stretch || [Math.min(0, points[0]?.x ?? 0), end])),
    y: nsAxis('latency', floor, high + pad),
    series: [
      { kind: 'line', color: 'a', width: 1.75, dots: points.length <= 80, data: points, order: 0 },
      { kind: 'band', color: 'a', filled: true, data: points.map(p => ({ x: p.x, y: p.max })), order: 2 },
      { kind: 'band', color: 'a', data: points.map(p => ({ x: p.x, y: p.min })), order: 2 },
    ],
    shades: warm ? [{ from: points[0].x, to: 0, text: 'warm-up' }] : [],
    onZoom: setStretch, onPoint: point,
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
  const n = chosen(query, invocations);
  const clip = query.get('clip') === '1';
  const { data, error, reload, busy } = useResource(samplesPath(id, n, stretchOf(query)));
  const row = data?.invocations.find(i => i.n === n) || (busy ? data?.invocations[0] : null);
  const [warm, timed] = row ? samplesIn(row) : [0, 0];
  const empty = row && warm + timed === 0;
  const asText = query.get('t');
  const spec = useMemo(() => (row && !empty ? timeSpec(row, clip, stretchOf(query)) : null), [row, clip, asText]);
  const per = row ? Math.ceil(timed / Math.max(1, row.steady?.t_ns.length)) : 1;
  return html`<${Figure} name="timeline" title="Samples over time" spec=${spec}
    className=${busy && data ? 'stale half' : 'half'}
    label=${row && !empty ? `Latency over time of invocation ${n}: ${f.plural(warm, 'warm-up sample')}, ` +
      `${f.plural(timed, 'timed sample')}.` : ''} table=${() => timeTable(spec)}
    legend=${[['a', 'median'], ...(per > 1 ? [['a-fill', 'min to max']] : []), ['shade', 'warm-up, not counted']]}
    controls=${html`<${InvocationSelect} n=${n} invocations=${invocations} />
      ${asText && html`<button type="button" class="small" onClick=${() => setQuery({ t: null })}
        title="Esc">Reset</button>`}
      <${Segmented} label="Vertical range" value=${clip ? '1' : ''} options=${[['', 'all'], ['1', 'typical']]}
      onChange=${value => setQuery({ clip: value })} />`}
    note=${row && [f.plural(timed, 'timed sample'),
      per > 1 && `up to ${per} a bucket, of which the minimum and maximum are kept: no outlier is lost`,
      clip && 'cut to the typical range: “all” has the rest', 'drag to zoom'].filter(Boolean).join(' · ')}>
    ${error ? html`<${Failure} error=${error} retry=${reload} />` : empty
    ? html`<p class="muted">${asText ? 'No sample began in this stretch.'
      : 'This invocation has no samples.'}</p>` : !data ? html`<${Loading} rows=${5} />` : null}
    </${Figure}>`;
}
