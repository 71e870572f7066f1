// Interleaved comparison, pair by pair: each dot is the ratio of one round, B over A. It shows whether the difference
// is in every round or in a few.
import { html, useMemo } from '../dom.js';
import { BASE, useResource } from '../api.js';
import { Figure } from '../figure.js';
import * as f from '../format.js';
import { Failure, Loading, Table } from '../parts.js';
import { DOTS, metricOf } from '../invocation.js';
import { setQuery, usePlace } from '../router.js';

function pairsOf(a, b, metric) {
  const right = new Map(b.invocations.filter(i => i.status === 'ok').map(i => [i.n, i]));
  return a.invocations.filter(i => i.status === 'ok' && right.has(i.n))
    .map(i => ({ n: i.n, a: metricOf(i, metric), b: metricOf(right.get(i.n), metric) }))
    .filter(p => p.a > 0 && p.b > 0).map(p => ({ ...p, x: p.n, y: (p.b / p.a - 1) * 100 }));
}

const percent = (value, width) => f.percent(value / 100, width < 1 ? 2 : 1);

function spec(pairs, row, delta) {
  const bounds = row && !f.absent(row.low) && !f.absent(row.high) ? [(row.low - 1) * 100, (row.high - 1) * 100] : [];
  const own = [...pairs.map(p => p.y), ...bounds];
  const nearest = Math.min(...own.map(Math.abs));
  const spread = Math.max(...own) - Math.min(...own);
  // zero far off would press the dots into one line: then only they are shown
  const all = nearest > 2 * delta * 100 && nearest > 3 * spread ? own : [...own, 0, delta * 100, -delta * 100];
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const pad = (high - low) * 0.1 || 1;
  const say = i => `round ${pairs[i].n}: B against A ${percent(pairs[i].y, spread)}`;
  return pairs.length === 0 ? null : {
    x: { min: -0.6, max: Math.max(...pairs.map(p => p.n)) + 0.6, title: 'round of the experiment',
      tick: v => (Number.isInteger(v) ? String(v) : null) },
    y: { min: low - pad, max: high + pad, title: 'B against A (%)', tick: (v, step) => f.fixed(v, Math.min(4, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)))) },
    series: [{ kind: 'points', color: 'a', data: pairs }],
    rules: [{ axis: 'y', value: 0, low: -delta * 100, high: delta * 100, color: 'rule', text: 'no difference' },
      ...(bounds.length ? [{ axis: 'y', value: (row.ratio - 1) * 100, low: bounds[0], high: bounds[1], color: 'b', text: '' }] : [])],
    tip: (_, i) => say(i).split(': '),
    walk: { count: pairs.length, at: i => [0, i], say },
  };
}

export default function Pairs({ data, delta }) {
  const { query } = usePlace();
  const asked = query.get('metric');
  const metric = DOTS.includes(asked) ? asked : 'p50_ns';
  const { kind, name, short } = f.METRICS[metric];
  const a = useResource(`${BASE}/runs/${data.a.id}`);
  const b = useResource(`${BASE}/runs/${data.b.id}`);
  const row = data.metrics.find(m => m.metric === metric);
  const ready = a.data?.invocations && b.data?.invocations;
  const pairs = useMemo(() => (ready ? pairsOf(a.data, b.data, metric) : []), [a.data, b.data, metric]);
  const drawn = useMemo(() => (ready ? spec(pairs, row, delta) : null), [pairs, row, delta]);
  const error = a.error || b.error;
  const slower = pairs.filter(p => p.y > 0).length;
  return html`<${Figure} name="pairs" title="Pair by pair" spec=${drawn}
    label=${drawn ? `${name}, B against A in ${f.plural(pairs.length, 'round')}: more in ${slower}, less in ${
      pairs.length - slower}.` : ''}
    legend=${[['a-dot', 'one round: both fresh processes, in turns'], ['b-band', 'estimate with its 95 % interval'],
    ['rule-band', `within ±${f.share(delta)}, counts as equal`]]}
    controls=${html`<label class="inline">Metric <select value=${metric} onChange=${event =>
    setQuery({ metric: event.target.value === 'p50_ns' ? null : event.target.value })}>${DOTS.map(m => html`<option key=${m} value=${m}
      selected=${m === metric}>${f.METRICS[m].name}</option>`)}</select></label>`}
    table=${() => html`<${Table} caption="Pairs" rows=${pairs} rowKey=${p => p.n} columns=${[
    { key: 'n', title: 'Round', num: true, cell: p => p.n },
    { key: 'a', title: `A ${short}`, num: true, cell: p => f.number(p.a, kind) },
    { key: 'b', title: `B ${short}`, num: true, cell: p => f.number(p.b, kind) },
    { key: 'd', title: 'B against A', num: true, cell: p => percent(p.y, Math.max(...pairs.map(q => q.y)) - Math.min(...pairs.map(q => q.y))) }]} />`}
    note=${ready && pairs.length > 0 &&
      `${name}: B is more in ${slower} and less in ${f.plural(pairs.length - slower, 'round')} of ${pairs.length}`}>
    ${error ? html`<${Failure} error=${error} retry=${() => { a.reload(); b.reload(); }} />`
    : !ready ? html`<${Loading} rows=${4} />` : !drawn ? html`<p class="muted">No round has this metric on both sides.</p>` : null}
    </${Figure}>`;
}
