// One dot per invocation, in the order of execution: is the run's interval made of equals, or of a few odd ones?
import { html, useMemo } from '../dom.js';
import { Figure } from '../figure.js';
import * as f from '../format.js';
import { choose, chosen, DOTS, metricOf } from '../invocation.js';
import { Table } from '../parts.js';
import { usable } from '../plot.js';
import { setQuery, usePlace } from '../router.js';
import { flagsOf } from './run_trust.js';

const placed = i => !f.absent(i.order);

function pointsOf(invocations, metric, findings) {
  const within = metric === 'p50_ns';
  const inOrder = invocations.some(placed);
  return invocations.filter(i => i.status === 'ok' && !f.absent(metricOf(i, metric))).map(i => ({
    n: i.n, x: inOrder ? i.order ?? 0 : i.n, y: metricOf(i, metric), flags: flagsOf(i, findings),
    low: within && i.p50_low_ns >= 0 ? i.p50_low_ns : null, high: within && i.p50_high_ns >= 0 ? i.p50_high_ns : null,
  })).sort((a, b) => a.x - b.x);
}

function dotsSpec(points, invocations, e, metric, selected) {
  const { kind, short } = f.METRICS[metric];
  const ends = [...points.flatMap(p => [p.y, p.low, p.high]), ...(usable(e) ? [e.low, e.high] : [])]
    .filter(v => !f.absent(v));
  const [low, high] = [Math.min(...ends), Math.max(...ends)];
  const pad = (high - low) * 0.12 || high * 0.02 || 1;
  const unit = f.unitOf(high, kind);
  const say = p => `invocation ${p.n}: ${short} ${f.number(p.y, kind, high - low)}` +
    (p.low === null ? '' : ` ${f.interval(p.y, p.low, p.high, kind)}`) +
    (p.flags.length ? `; ${p.flags.join(', ').replaceAll('_', ' ')}` : '');
  const sound = points.filter(p => !p.flags.length);
  const odd = points.filter(p => p.flags.length);
  const series = [sound, odd, points.filter(p => p.n === selected)];
  const xs = points.map(p => p.x);
  const inOrder = invocations.some(placed);
  return points.length === 0 ? null : {
    x: { min: Math.min(0, ...xs) - 0.6, max: Math.max(...xs, ...(inOrder ? [] : invocations.map(i => i.n))) + 0.6,
      title: inOrder ? 'place in the experiment’s order' : 'invocation, in the order of execution',
      tick: value => (Number.isInteger(value) ? String(value) : null) },
    y: { min: Math.max(0, low - pad), max: high + pad, title: `${short}${unit.name ? ` (${unit.name})` : ''}`,
      tick: (value, step) => f.tick(value, unit, step) },
    series: [{ kind: 'points', color: 'a', whiskers: true, data: sound, order: 1 },
      { kind: 'points', color: 'warn', shape: 'triangle', radius: 6, whiskers: true, data: odd, order: 1 },
      { kind: 'points', color: 'rule', hollow: true, radius: 8, data: series[2], order: 2 }],
    rules: usable(e) ? [{ axis: 'y', value: e.value, low: e.low, high: e.high, color: 'rule', text: '' }] : [],
    tip: (which, i) => say(series[which][i]).split('; '),
    onPick: (which, i) => choose(series[which][i].n, invocations),
    walk: { count: points.length, say: i => say(points[i]),
      at: i => (points[i].flags.length ? [1, odd.indexOf(points[i])] : [0, sound.indexOf(points[i])]) },
  };
}

export function InvocationDots({ invocations, summary, findings, arms }) {
  const { query } = usePlace();
  const asked = query.get('metric');
  const metric = DOTS.includes(asked) ? asked : 'p50_ns';
  const { name, short, kind } = f.METRICS[metric];
  const selected = chosen(query, invocations);
  const points = useMemo(() => pointsOf(invocations, metric, findings), [invocations, metric, findings]);
  const e = summary?.[metric];
  const spec = useMemo(() => dotsSpec(points, invocations, e, metric, selected),
    [points, invocations, summary, metric, selected]);
  const failed = invocations.filter(i => i.status !== 'ok').length;
  const odd = points.filter(p => p.flags.length).length;
  const width = Math.max(...points.map(p => p.y)) - Math.min(...points.map(p => p.y));
  const inOrder = invocations.some(placed);
  return html`<${Figure} name="dots" title="Invocation by invocation" spec=${spec} className="third"
    label=${`${name} of ${f.plural(points.length, 'invocation')}${odd ? `, ${odd} flagged` : ''}; the run's median is ${
      f.number(e?.value, kind)}. Enter selects.`}
    legend=${[['a-dot', metric === 'p50_ns' ? 'P50, interval within the process' : name],
    ...(odd ? [['warn-dot', 'flagged']] : []), ['ring', 'shown in the time-line'],
    ['rule', 'median of the run'], ['rule-band', '95 % interval']]}
    controls=${html`<label class="inline">Metric <select value=${metric}
      onChange=${event => setQuery({ metric: event.target.value === 'p50_ns' ? null : event.target.value })}>
      ${DOTS.map(m => html`<option key=${m} value=${m} selected=${m === metric}>${f.METRICS[m].name}</option>`)}
      </select></label>`}
    table=${() => html`<${Table} caption=${`${name} by invocation`} rows=${points} columns=${[
    { key: 'n', title: 'Invocation', num: true, cell: p => p.n },
    ...(inOrder ? [{ key: 'o', title: 'Place', num: true, cell: p => p.x }] : []),
    { key: 'v', title: short, num: true, cell: p => f.number(p.y, kind, width) },
    ...(metric === 'p50_ns' ? [{ key: 'i', title: 'Within the process', num: true,
      cell: p => f.interval(p.y, p.low, p.high, kind) || f.DASH }] : []),
    { key: 'f', title: 'Flagged', cell: p => p.flags.join(', ').replaceAll('_', ' ') || f.DASH }]} />`}
    note=${[e && f.estimateReason(e, metric), failed ? `${f.plural(failed, 'failed invocation')} not drawn` : null,
      inOrder && `between them ran ${f.plural(arms - 1, 'other arm')}`, 'click a dot to see its time-line']
    .filter(Boolean).join(' · ')}>
    ${spec ? null : html`<p class="muted">No invocation has this metric.</p>`}</${Figure}>`;
}
