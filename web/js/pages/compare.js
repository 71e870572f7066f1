// Compare: did B change anything against A, and is it real. One verdict first, then each metric with its
// interval, then what was different about the two, then both distributions on the same bins.
import { html, useMemo, useState } from '../dom.js';
import { BASE, useResource } from '../api.js';
import { Figure, toggleTables } from '../figure.js';
import * as f from '../format.js';
import { useKeys } from '../keys.js';
import { Later } from '../later.js';
import { Badge, Facts, Failure, Loading, Outcome, Panel, Segmented, Table, When } from '../parts.js';
import { setQuery, usePlace } from '../router.js';
import { accuracyText } from './run_facts.js';
import { binsFor, countAxis, nsAxis, outline, outside, setZoom, zoomOf } from '../plot.js';

export const title = () => 'Compare';
export const params = ['a', 'b', 'delta', 'log', 'zoom', 'tables', 'q', 'metric'];

// -- choosing two runs -------------------------------------------------------------------------------------
function Picker({ query }) {
  const a = query.get('a');
  const b = query.get('b');
  const q = query.get('q') || '';
  const { data, error, reload } = useResource(`${BASE}/runs?limit=50${q ? `&q=${encodeURIComponent(q)}` : ''}`);
  const [text, setText] = useState(q);
  const choice = (row, key, chosen) => html`<label class="choice"><input type="radio" name=${key}
    checked=${chosen === row.id}
    onChange=${() => setQuery({ [key]: row.id })} /><span class="ab ${key}">${key.toUpperCase()}</span><span
    class="hidden"> ${row.model} ${row.variant} of ${f.dateTime(row.started_at)}</span></label>`;
  return html`<h1 tabindex="-1">Compare two runs</h1>
    <p class="lead">${a && !b ? html`A is <a href=${`/runs/${a}`} class="mono">${f.shortId(a)}</a>. Choose B.`
    : html`Choose A (what was) and B (what is). On the <a href="/">list of runs</a> <kbd>x</kbd> selects and
      <kbd>c</kbd> compares.`}</p>
    <form class="filters" onSubmit=${event => { event.preventDefault(); setQuery({ q: text.trim() }); }}>
      <label class="search"><span class="hidden">Search runs</span><input type="search" value=${text} maxlength="200"
      placeholder="Search model, variant, device, runtime" onInput=${event => setText(event.target.value)} /></label>
      <button type="submit">Search</button></form>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${!data && !error && html`<${Loading} rows=${6} />`}
    ${data && data.items.length === 0 && html`<section class="panel empty"><h2>No runs to compare</h2>
      <p>${q ? 'Nothing matches the search.' : 'The list of runs says how to get the first.'} <a
        href="/">Runs</a></p></section>`}
    ${data && data.items.length > 0 && html`<div class="panel"><${Table} className="stack pick-two"
      caption="Runs to choose from" rows=${data.items} rowKey=${r => r.id}
      columns=${[
    { key: 'r', title: 'Run', cell: r => html`<a href=${`/runs/${r.id}`}><${When} at=${r.started_at} /></a><span
      class="under mono">${f.shortId(r.id)}</span>` },
    { key: 'ab', title: 'As', cell: r => html`${choice(r, 'a', a)}${choice(r, 'b', b)}` },
    { key: 'm', title: 'Model, variant', wide: true,
      cell: r => html`${r.model}<span class="under">${r.variant}</span>` },
    { key: 't', title: 'Runtime', cell: r => html`<span class="nowrap">${r.runtime} <span class="muted">${
      r.runtime_version}</span></span><span class="under">${r.provider || f.DASH}</span>` },
    { key: 'd', title: 'Device', cell: r => r.device },
    { key: 'p', title: 'P50', num: true, cell: r => f.number(r.p50_ns, 'ns') },
    { key: 'v', title: 'Outcome', cell: r => html`<${Outcome} row=${r} />` }]} /></div>`}`;
}

// -- the two runs ------------------------------------------------------------------------------------------
function Side({ row, letter }) {
  return html`<section class=${`side ${letter}`} aria-label=${`Run ${letter.toUpperCase()}`}><h2><span
    class="ab ${letter}">${letter.toUpperCase()}</span><a href=${`/runs/${row.id}`}>${row.model}</a>
    <span class="variant">${row.variant}</span></h2>
    <p class="muted">${row.runtime} ${row.runtime_version}${row.provider ? ` · ${row.provider}` : ''} ·${' '}
      ${row.device} ·${' '}
      <${When} at=${row.started_at} />${row.commit ? html` · <span
        class="mono">${row.commit.slice(0, 12)}</span>` : ''}</p>
    <p class="badges"><${Outcome} row=${row} />${row.trust !== 'not_assessed' && html`<${Badge} state=${row.trust} />`}</p>
    ${row.trust_line && row.trust_line !== row.trust && html`<p class="muted small">${row.trust_line}</p>`}</section>`;
}

// "12 % slower", from the reader's side: what the number means for B
function words(m) {
  if (f.absent(m.ratio)) {
    return 'no value in one of the runs';
  }
  const { text, interval } = f.difference(m.ratio, m.low, m.high);
  const more = m.ratio > 1;
  const better = more !== m.less_is_better;
  const kinds = { p50_ns: ['slower', 'faster'], p90_ns: ['slower', 'faster'], p99_ns: ['slower', 'faster'] };
  const word = (kinds[m.metric] || ['worse', 'better'])[better ? 1 : 0];
  const claim = m.verdict === 'regression' || m.verdict === 'improvement' ? `: B is ${word}` : '';
  return `${text}${interval ? ` ${interval}` : ''}${claim}`;
}

// no difference seen: how small a one would have been
const detectable = m => ((m.verdict === 'inconclusive' || m.verdict === 'equivalent') && !f.absent(m.detectable)
  ? `a change of ${f.share(Number((m.detectable).toPrecision(2)))} would have been seen` : null);

// what counts as a change; the same for every metric
const deltaOf = data => data.metrics[0]?.delta ?? 0.02;

function Verdict({ data }) {
  const delta = deltaOf(data);
  const p50 = data.metrics.find(m => m.metric === 'p50_ns');
  const k = p50 && data.interleaved ? f.plural(data.pairs ?? 0, 'pair') : p50 && `K = ${p50.a?.k ?? 0} and ${p50.b?.k ?? 0} invocations`;
  const why = {
    regression: `the whole interval lies beyond +${f.share(delta)}`,
    improvement: `the whole interval lies beyond ${f.MINUS}${f.share(delta)}`,
    equivalent: `the whole interval lies within ±${f.share(delta)}`,
    inconclusive: data.comparable
      ? f.absent(p50?.ratio) ? 'there is nothing to compare'
        : 'the interval crosses the limit, or there are too few invocations: measure more'
      : `not comparable: ${data.reason}. The numbers stand side by side, but no verdict is drawn`,
  }[data.verdict];
  const [how] = (data.caption || '').split('; ');
  return html`<div class=${`verdict ${data.verdict}`} role="status"><${Badge} state=${data.verdict} />
    <p><strong>P50: ${p50 ? words(p50) : 'not measured'}</strong><span>${why}${k ? ` · ${k}` : ''}${
      p50 && detectable(p50) ? ` · ${detectable(p50)}` : ''}</span></p>
    <p class="caption">${data.interleaved ? html`${how || `interleaved, ${data.pairs} pairs`}: each pair was
      measured in the same round, so a drift of the machine strikes both` : html`<span
      class="glyph" aria-hidden="true">!</span>${how}: a drift
      of the machine between the two runs cannot be told from a change`}</p>
    ${data.precision && html`<p class="caption"><span class="glyph" aria-hidden="true">!</span>${data.precision}: part of the
      difference may be bought with precision</p>`}</div>`;
}

// -- dot and whisker around zero ---------------------------------------------------------------------------
function limitOf(metrics, delta) {
  const sizes = metrics.flatMap(m => [m.low, m.high, m.ratio]).filter(v => !f.absent(v)).map(v => Math.abs(v - 1));
  const want = Math.max(...sizes, delta * 2) * 1.08;
  return [0.02, 0.03, 0.05, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1].find(limit => limit >= want) || 1;
}

const W = 300;
function Whisker({ m, limit, delta }) {
  const at = ratio => Math.max(3, Math.min(W - 3, W / 2 + (ratio - 1) / limit * (W / 2)));
  const tone = { regression: 'bad', improvement: 'good' }[m.verdict] || 'quiet';
  const beyond = ratio => Math.abs(ratio - 1) > limit;
  if (f.absent(m.ratio)) {
    return html`<span class="none">${f.DASH}</span>`;
  }
  const bounds = !f.absent(m.low) && !f.absent(m.high);
  return html`<svg class=${`whisker ${tone}`} viewBox="0 0 ${W} 24" width=${W} height="24" role="img"
    aria-label=${`${f.metric(m.metric).name} ${f.difference(m.ratio, m.low, m.high).text}, scale ±${limit * 100} %`}>
    <rect class="equal" x=${at(1 - delta)} y="0" width=${at(1 + delta) - at(1 - delta)} height="24" />
    <line class="zero" x1=${W / 2} x2=${W / 2} y1="0" y2="24" />
    ${bounds && html`<line class="range" x1=${at(m.low)} x2=${at(m.high)} y1="12" y2="12" />
    ${!beyond(m.low) && html`<line class="range" x1=${at(m.low)} x2=${at(m.low)} y1="5" y2="19" />`}
    ${!beyond(m.high) && html`<line class="range" x1=${at(m.high)} x2=${at(m.high)} y1="5" y2="19" />`}`}
    ${beyond(m.ratio)
    ? html`<path class="dot" d=${m.ratio > 1 ? `M${W - 10} 6 L${W - 2} 12 L${W - 10} 18 Z` : 'M10 6 L2 12 L10 18 Z'} />`
    : html`<circle class=${bounds ? 'dot' : 'dot hollow'} cx=${at(m.ratio)} cy="12" r="4" />`}</svg>`;
}

const measured = m => !f.absent(m.a?.value) || !f.absent(m.b?.value);

function Metrics({ data }) {
  const delta = deltaOf(data);
  const limit = limitOf(data.metrics, delta);
  const shown = data.metrics.filter(m => m.metric in f.METRICS ? m.metric !== 'energy_uj_per_inference' || measured(m)
    : measured(m));
  const trust = key => data[key].trust !== 'not_assessed' && html` <${Badge} state=${data[key].trust} />`;
  const side = key => ({ key, label: key.toUpperCase(), title: html`${key.toUpperCase()}${trust(key)}`, num: true, cell: m => {
    const { kind } = f.metric(m.metric);
    const e = m[key];
    if (!e || f.absent(e.value)) {
      return html`<span class="none">${f.DASH}</span>`;
    }
    if (e.enough === false) {
      return html`<span class="none small" title=${f.estimateReason(e, m.metric)}>n too small</span>`;
    }
    return html`<span class="value">${f.number(e.value, kind, e.high - e.low)}</span><span class="range">${
      f.interval(e.value, e.low, e.high, kind) || `K = ${e.k}`}</span>`;
  } });
  return html`<${Table} className="stack metrics" caption="Difference of each metric" rows=${shown}
    rowKey=${m => m.metric}
    rowProps=${m => ({ 'data-metric': m.metric })} columns=${[
    { key: 'm', title: 'Metric', cell: m => html`${f.metric(m.metric).name}<span class="under">${
      m.less_is_better ? 'less is better' : 'more is better'}</span>` },
    side('a'), side('b'),
    { key: 'd', title: 'B against A', num: true, cell: m => {
      const d = f.difference(m.ratio, m.low, m.high);
      const thin = m.a?.enough === false || m.b?.enough === false;
      return html`<span class=${thin ? 'none' : 'value'}>${d.text}</span><span
        class="range">${d.interval || (f.absent(m.ratio) ? '' : 'no interval')}</span>`;
    } },
    { key: 'w', label: 'Difference', wide: true, title: html`<span
      class="scale" aria-hidden="true"><span>${f.percent(-limit, 0)}</span><span>0</span><span>${
      f.percent(limit, 0)}</span></span><span class="hidden">Difference, drawn</span>`,
    cell: m => html`<${Whisker} m=${m} limit=${limit} delta=${delta} />` },
    { key: 'v', title: 'Verdict', cell: m => html`<${Badge} state=${m.verdict} />${
      detectable(m) && html`<span class="under">${detectable(m)}</span>`}` }]} />`;
}

// Right and wrong answers over the same samples
function Accuracy({ accuracy: { a, b, difference, p, text } }) {
  return html`<${Panel} title="Accuracy" id="accuracy"><${Facts} rows=${[
    ['A', accuracyText(a)], ['B', accuracyText(b)],
    ['Difference', !f.absent(difference) && `${f.percent(difference, 2).replace(' %', '')} percentage points`],
    ['McNemar’s exact test', !f.absent(p) && html`p = ${f.scientific(p)} <span class="muted">${
      p < 0.05 ? 'a real difference' : 'no difference shown'}</span>`]].filter(([, value]) => value)} />
    <p class="note">${text.charAt(0).toUpperCase() + text.slice(1)}.</p></${Panel}>`;
}

// Times of an emulator are no results: not shown, and no ratio with them
function shownOf(data) {
  const out = ['a', 'b'].filter(key => /\bemulated\b/.test(data[key].trust_line || ''));
  return out.length === 0 ? data : { ...data, metrics: data.metrics.map(m => (m.metric === 'peak_rss_bytes' ? m
    : { ...m, ratio: null, low: null, high: null, ...Object.fromEntries(out.map(key => [key, null])) })) };
}

function Differences({ data }) {
  const kinds = { device: 'Device', configuration: 'Configuration', variant: 'Variant' };
  return html`<${Panel} title="What was different" id="differences">${data.differences.length === 0
    ? html`<p>${data.comparable ? 'Nothing that was recorded: same variant, same configuration, same device.'
      : 'No recorded field by itself, but see above why the two are not comparable.'}</p>`
    : html`<${Table} className="stack diff" caption="Differences between the two runs" rows=${data.differences}
      columns=${[
      { key: 'f', title: 'Field',
        cell: d => html`<span class="mono">${d.field}</span><span class="under">${kinds[d.kind] || d.kind}</span>` },
      { key: 'a', title: 'A', cell: d => html`<span class="mono wrap">${d.a ?? f.DASH}</span>` },
      { key: 'b', title: 'B', cell: d => html`<span class="mono wrap">${d.b ?? f.DASH}</span>` }]} />`}</${Panel}>`;
}

// -- both histograms on the same bins ----------------------------------------------------------------------
// A first range from the rows alone saves a round trip; empty ends are cut off afterwards.
function rangeOf(a, b) {
  const rows = [a, b].filter(r => !f.absent(r.p50_ns));
  if (rows.length === 0) {
    return null;
  }
  const spread = r => Math.max((r.p90_ns ?? r.p50_ns) - r.p50_ns, r.p50_ns * 0.02);
  const low = Math.min(...rows.map(r => r.p50_ns - 4 * spread(r)));
  const high = Math.max(...rows.map(r => Math.max(r.p50_ns + 3 * spread(r), (r.p99_ns ?? 0) * 1.05)));
  return [Math.max(0, Math.floor(low)), Math.ceil(high)];
}

function trimmed(a, b) {
  const used = i => a.counts[i] > 0 || b.counts[i] > 0;
  const indexes = a.counts.map((_, i) => i).filter(used);
  if (indexes.length === 0) {
    return [a, b];
  }
  const from = Math.max(0, indexes[0] - 1);
  const to = Math.min(a.counts.length, indexes.at(-1) + 2);
  return [a, b].map(h => ({ ...h, low_ns: h.low_ns + from * h.bin_ns, counts: h.counts.slice(from, to) }));
}

function overlaySpec([a, b], log, rows) {
  const share = h => count => count / Math.max(1, h.n) * 100;
  const top = Math.max(...a.counts.map(share(a)), ...b.counts.map(share(b)));
  const end = a.low_ns + a.counts.length * a.bin_ns;
  const unit = f.unitOf(end, 'ns');
  const edge = i => f.tick(a.low_ns + i * a.bin_ns, unit, a.bin_ns);
  const say = i => `${edge(i)} to ${edge(i + 1)} ${
    unit.name}: A ${f.fixed(share(a)(a.counts[i] ?? 0), 2)} %, B ${f.fixed(share(b)(b.counts[i] ?? 0), 2)} %`;
  const least = 100 / Math.max(a.n, b.n, 1) / 2;
  return {
    x: nsAxis('latency', a.low_ns, end),
    y: { ...countAxis('share of samples (%)', log, top), min: log ? least : 0,
      tick: v => (v >= 1 || v === 0 ? f.fixed(v, v % 1 ? 1 : 0) : String(Number(v.toPrecision(2)))) },
    series: [{ kind: 'area', step: true, color: 'a', data: outline(a, share(a)), order: 1 },
      { kind: 'area', step: true, color: 'b', data: outline(b, share(b)), order: 0 }],
    rules: [[rows.a, 'a', 'A P50'], [rows.b, 'b', 'B P50']].filter(([r]) => !f.absent(r.p50_ns))
      .map(([r, color, text]) => ({
      axis: 'x', value: r.p50_ns, low: r.p50_low_ns, high: r.p50_high_ns, color, text, strip: color === 'a' ? 0 : 1 })),
    tip: (_, i) => say(Math.max(0, i - 1)).split(': ').flatMap(s => s.split(', ')),
    onZoom: setZoom,
    walk: { count: a.counts.length, at: i => [0, i + 1], say },
    a, b, share, unit,
  };
}

function Overlay({ data, query }) {
  const zoom = zoomOf(query);
  const log = query.get('log') === '1';
  const range = zoom || rangeOf(data.a, data.b);
  const samples = row => (row.iterations || 0) * row.invocations_ok;
  const bins = Math.round(2 * binsFor(Math.min(samples(data.a), samples(data.b))));
  const ask = row => (range
    ? `${BASE}/runs/${row.id}/histogram?bins=${bins}&low_ns=${range[0]}&high_ns=${range[1]}` : null);
  const a = useResource(ask(data.a));
  const b = useResource(ask(data.b));
  const ready = a.data && b.data && a.data.low_ns === b.data.low_ns && a.data.bin_ns === b.data.bin_ns;
  const spec = useMemo(() => (ready ? overlaySpec(zoom ? [a.data, b.data] : trimmed(a.data, b.data), log, data) : null),
    [a.data, b.data, log, data, ready]);
  const error = a.error || b.error;
  const rows = spec ? spec.a.counts
    .map((count, i) => ({ from: spec.a.low_ns + i * spec.a.bin_ns, a: count, b: spec.b.counts[i] }))
    .filter(r => r.a || r.b) : [];
  const share = (key, h) => r => `${f.fixed(r[key] / Math.max(1, h.n) * 100, 2)} %`;
  return html`<${Figure} name="overlay" title="Both distributions" spec=${spec}
    label=${spec ? `Overlaid histograms: A, ${f.plural(spec.a.n, 'sample')}, P50 ${f.number(data.a.p50_ns, 'ns')}; B, ${
      f.plural(spec.b.n, 'sample')}, P50 ${f.number(data.b.p50_ns, 'ns')}.` : ''}
    legend=${['a', 'b'].map(key => [`${key}-fill-line`, `${key.toUpperCase()}: ${data[key].variant || data[key].model}`])}
    controls=${html`<${Segmented} label="Vertical scale" value=${log ? '1' : ''}
      options=${[['', 'linear'], ['1', 'log']]}
      onChange=${value => setQuery({ log: value })} />${zoom && html`<button type="button" class="small"
      onClick=${() => setQuery({ zoom: null })} title="Esc">Reset</button>`}`}
    note=${spec && [`A: ${f.plural(spec.a.n, 'sample')}`, outside(spec.a),
      `B: ${f.plural(spec.b.n, 'sample')}`, outside(spec.b),
    'shares of each run’s samples, same bins', 'drag to zoom'].filter(Boolean).join(' · ')}
    table=${() => html`<${Table} caption="Both distributions" rows=${rows} columns=${[
    { key: 'f', title: `From (${spec.unit.name})`, num: true, cell: r => f.tick(r.from, spec.unit, spec.a.bin_ns) },
    { key: 'a', title: 'A', num: true,
      cell: share('a', spec.a) }, { key: 'b', title: 'B', num: true, cell: share('b', spec.b) }]} />`}>
    ${error ? html`<${Failure} error=${error} retry=${() => { a.reload(); b.reload(); }} />`
    : !range ? html`<p class="muted">Neither run has samples.</p>` : !spec ? html`<${Loading}
      rows=${5} />` : null}</${Figure}>`;
}

const DELTAS = ['0.01', '0.02', '0.05', '0.1'];

function Comparison({ a, b, query }) {
  const delta = query.get('delta') || '0.02';
  const { data: told, error, reload, busy } = useResource(
    `${BASE}/compare?${new URLSearchParams({ a, b, delta })}`);
  const data = useMemo(() => told && shownOf(told), [told]);
  const wrong = ['a', 'b'].filter(key => data?.[key].verification === 'wrong').map(key => key.toUpperCase());
  const shaky = ['a', 'b'].filter(key => data?.[key].trust === 'untrusted').map(key => key.toUpperCase());
  const swap = () => setQuery({ a: b, b: a });
  useKeys({
    s: swap,
    T: () => toggleTables(query, ['overlay', 'pairs']),
    Escape: () => (query.get('zoom') ? setQuery({ zoom: null }) : false),
  });
  return html`<div class="title-row"><h1 tabindex="-1">Compare</h1><div class="controls">
    <label class="inline">A change counts from <select value=${delta} onChange=${event => setQuery({
    delta: event.target.value === '0.02' ? null : event.target.value })}>${[...new Set([...DELTAS, delta])].map(d =>
    html`<option key=${d} value=${d} selected=${d === delta}>${f.share(Number(d))}</option>`)}</select></label>
    <button type="button" onClick=${swap}>Swap <kbd>s</kbd></button>
    <a class="button" href="/compare">Other runs</a></div></div>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${!data && !error && html`<${Loading} rows=${6} label="Comparing" />`}
    ${data && html`<div class=${busy ? 'stale' : ''}>
      ${wrong.length > 0 && html`<p class="notice loud"><span class="glyph" aria-hidden="true">≠</span>${wrong.join(' and ')} computed
        WRONG outputs: how fast that was says nothing.</p>`}
      ${shaky.length > 0 && html`<p class="notice"><span class="glyph" aria-hidden="true">!</span>${shaky.join(' and ')} ${
      shaky.length > 1 ? 'are' : 'is'} untrusted: the reasons stand on the run’s page.</p>`}
      <${Verdict} data=${data} />
      <div class="sides"><${Side} row=${data.a} letter="a" /><${Side} row=${data.b} letter="b" /></div>
      <${Panel} title="Metric by metric" id="metrics" extra=${html`<span class="muted">shaded: within ±${
        f.share(deltaOf(data))}, counts as equal</span>`}><${Metrics} data=${data} /></${Panel}>
      ${data.accuracy && html`<${Accuracy} accuracy=${data.accuracy} />`}
      <div class="grid"><${Overlay} data=${data} query=${query} /></div>
      ${data.interleaved && html`<${Later} id="pairs" title="Pair by pair" data=${data} delta=${deltaOf(data)} />`}
      <${Differences} data=${data} /></div>`}`;
}

export function Page() {
  const { query } = usePlace();
  const a = query.get('a');
  const b = query.get('b');
  return a && b ? html`<${Comparison} key=${`${[a, b].sort().join()}`} a=${a} b=${b} query=${query} />`
    : html`<${Picker} query=${query} />`;
}
