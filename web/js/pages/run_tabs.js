// The Run page's lower half: everything needed to repeat, question or script the run, one tab each.
import { html, useRef } from '../dom.js';
import { BASE } from '../api.js';
import * as f from '../format.js';
import { median, metricOf } from '../invocation.js';
import { Badge, Command, Facts, Table } from '../parts.js';
import { setQuery, usePlace } from '../router.js';
import { flagsOf } from './run_trust.js';

function Reproduce({ run }) {
  return html`${run?.command
    ? html`<p>On a machine like this one (tab “Device”), with the same files:</p>
      <${Command} text=${run.command} label="command that repeats the run" />`
    : html`<p class="muted">This run was stored without its command.</p>`}
    <${Facts} rows=${[
    ['Tool', run?.tool_version], ['Method version', run?.method_version],
    ['Seed of the inputs', run && String(run.seed)],
    ['Model file SHA-256', html`<span class="mono wrap">${run?.variant_sha256 || f.DASH}</span>`, true],
  ]} />`;
}

function Configuration({ run }) {
  const dims = list => list.map(d => (d < 0 ? '?' : d)).join(' × ');
  const used = t => (t.dims?.length ? dims(t.dims) : t.model_dims?.length ? f.DASH : 'scalar');
  const tensors = [...(run?.inputs || []).map(t => ({ ...t, way: 'input' })),
    ...(run?.outputs || []).map(t => ({ ...t, way: 'output' }))];
  return html`<h3>Settings <span class="muted mono" title=${run?.config_key}>${f.shortSha(run?.config_key)}</span></h3>
    <${Table} className="pairs" caption="Configuration" rows=${Object.entries(run?.config || {})} columns=${[
    { key: 'k', title: 'Setting', cell: r => html`<span class="mono">${r[0]}</span>` },
    { key: 'v', title: 'Value', cell: r => html`<span class="mono wrap">${r[1]}</span>` }]} />
    ${tensors.length > 0 && html`<h3>Inputs and outputs</h3><${Table} className="stack" caption="Inputs and outputs"
      rows=${tensors} columns=${[
    { key: 'n', title: 'Name',
      cell: t => html`<span class="mono wrap">${t.name}</span><span class="under">${t.way}</span>` },
    { key: 't', title: 'Type', cell: t => t.dtype },
    { key: 'd', title: 'Shape', cell: t => html`${used(t)}<span class="under">${
      t.model_dims?.length && dims(t.model_dims) !== used(t) ? `model: ${dims(t.model_dims)}` : ''}</span>` },
    { key: 's', title: 'Values', cell: t => (t.way === 'output' ? '' : t.source === 'seeded'
      ? `seeded, [${f.scientific(t.low)}, ${f.scientific(t.high)})` : t.source || f.DASH) },
    { key: 'a', title: 'Assumed', cell: t => (t.assumed || []).join('; ') || f.DASH }]} />`}`;
}

function Device({ run }) {
  const facts = run?.device_facts || [];
  return html`<p>Fingerprint <span
    class="mono wrap">${run?.device_key || f.DASH}</span>, made of the hard facts. Runs on another
    fingerprint are not compared.</p>
    <${Table} className="pairs" caption="Facts of the device" rows=${facts} columns=${[
    { key: 'n', title: 'Fact', cell: r => html`<span class="mono">${r.name}</span>` },
    { key: 'v', title: 'Value', cell: r => html`<span class="mono wrap">${r.value}</span>` },
    { key: 'h', title: 'Kind', cell: r => (r.hard ? 'hard' : html`<span class="muted">noted</span>`) }]} />`;
}

// A failed invocation has 0 where it did not come to the step: that is “not measured”, not a time of 0
const got = (invocation, key) => (invocation.status !== 'ok' && !invocation[key] ? null : invocation[key]);

function Invocations({ id, run, invocations, details, findings }) {
  const lean = run?.method_version >= 2; // what is left out is then its default, not unknown
  const ns = (key, title) => ({ key, title, num: true, cell: i => f.number(got(i, key), 'ns') });
  const share = (key, title) => ({ key, title, num: true,
    cell: i => (f.absent(i[key]) ? f.DASH : `${f.fixed(i[key] * 100, 1)} %`) });
  const width = median(invocations.map(i => i.p50_high_ns - i.p50_low_ns)); // one for all: decimals line up
  const columns = [
    { key: 'n', title: '#', label: 'Invocation', num: true,
      cell: i => html`<a href=${`${BASE}/runs/${id}/invocations/${i.n}`}
      title="JSON with all samples">${i.n}</a>` },
    { key: 's', title: 'Status', cell: i => html`<${Badge} state=${i.status} text=${
      i.status === 'ok' ? 'ok' : (i.failure || 'failed').replaceAll('_', ' ')} />` },
    { key: 'p50', title: 'P50', num: true, cell: i => html`${f.number(i.p50_ns, 'ns', width)}<span class="range">${
      i.p50_low_ns >= 0 && i.p50_high_ns >= 0
        ? f.interval(i.p50_ns, i.p50_low_ns, i.p50_high_ns, 'ns', width) : ''}</span>` },
    ns('p90_ns', 'P90'),
    { key: 'p99', title: 'P99', num: true, cell: i => (i.p99_enough === false && !f.absent(i.p99_ns)
      ? html`<span class="none small">n too small</span>` : f.number(i.p99_ns, 'ns')) },
    { key: 't', title: 'Throughput', num: true, cell: i => f.number(i.throughput_per_s, 'per_s') },
    { key: 'i', title: 'Samples', num: true, cell: i => f.number(got(i, 'iterations')) },
    ns('load_ns', 'Load'), ns('first_inference_ns', 'First'),
    { key: 'm', title: 'Peak RSS', num: true, cell: i => f.number(metricOf(i, 'peak_rss_bytes'), 'bytes') },
  ];
  const more = [
    ns('min_ns', 'Min'), ns('max_ns', 'Max'), ns('mean_ns', 'Mean'), ns('sd_ns', 'SD'),
    ns('p50_interp_ns', 'P50 linear'), ns('p90_interp_ns', 'P90 linear'), ns('p99_interp_ns', 'P99 linear'),
    { key: 'ac', title: 'Autocorr.', num: true,
      cell: i => (f.absent(i.autocorrelation) ? f.DASH : f.fixed(i.autocorrelation, 2)) },
    { key: 'cpu', title: 'CPU', num: true, cell: i => f.number(i.cpu_ns, 'ns') },
    { key: 'isw', title: 'Invol. switches', num: true,
      cell: i => f.number(i.status === 'ok' ? i.involuntary_switches : null) },
    { key: 'w', title: 'Warm-up', num: true, cell: i => f.number(got(i, 'warmup_iterations')) },
    { key: 'e', title: 'Ended', cell: i => ((i.status === 'ok' && i.end_reason) || f.DASH).replaceAll('_', ' ') },
    { key: 'o', title: 'Place in order', num: true, cell: i => f.number(i.order) },
    { key: 'we', title: 'Warm-up ended', cell: i => (i.status === 'ok' && (i.warmup_end || (lean && 'fixed'))) || f.DASH },
    { key: 'st', title: 'Timed phase', cell: i => (i.steady_class || f.DASH).replaceAll('_', ' ') },
    share('mser_share', 'MSER would drop'),
    { key: 'dr', title: 'Drift, last third', num: true, cell: i => (f.absent(i.drift_ratio) ? f.DASH
      : html`${f.percent(i.drift_ratio - 1)}<span class="under">p = ${f.scientific(i.drift_p)}</span>`) },
    share('outlier_share', 'Outliers'), share('iqr_ratio', 'IQR / P50'),
    { key: 'bc', title: 'Calls a sample', num: true, cell: i => f.number(i.sample_calls || i.batch_calls || got(i, 'batch_calls')) },
    ns('lateness_p99_ns', 'Late, P99'),
    { key: 'un', title: 'Unanswered', num: true, cell: i => f.number(i.status === 'ok' ? i.unfinished ?? (lean ? 0 : null) : null) },
    { key: 'su', title: 'Suspended', num: true, cell: i => f.number(i.status === 'ok' ? i.suspended_ns ?? (lean ? 0 : null) : null, 'ns') },
    { key: 'cr', title: 'Clock against RAW', num: true, cell: i => (f.absent(i.clock_ratio) ? f.DASH
      : `${f.fixed((i.clock_ratio - 1) * 1e6, 1)} ppm`) },
    { key: 'sb', title: 'Sandbox', cell: i => (i.status !== 'ok' || (f.absent(i.sandboxed) && !lean) ? f.DASH : i.sandboxed ? 'on' : 'off') },
    { key: 'fl', title: 'Flagged', cell: i => flagsOf(i, findings).join(', ').replaceAll('_', ' ') || f.DASH },
    { key: 'd', title: 'Deterministic',
      cell: i => (f.absent(i.deterministic) || i.status !== 'ok' ? f.DASH : i.deterministic ? 'yes' : 'no') },
  ];
  return html`<label class="check"><input type="checkbox" checked=${details}
    onChange=${event => setQuery({ details: event.target.checked ? '1' : null })} /> Details: spread, steadiness, warm-up and
    “linear” percentiles as numpy computes them</label>
    <${Table} className=${details ? 'stack dense' : 'stack'} caption="Invocations" rowKey=${i => i.n}
      rows=${invocations} columns=${details ? [...columns, ...more] : columns} />`;
}

function Raw({ id, invocations }) {
  const url = `${location.origin}${BASE}/runs/${id}`;
  return html`<p><a href=${`${BASE}/runs/${id}`}>This run as JSON</a> · <a
    href=${`${BASE}/runs/${id}/samples`}>rollup of
    samples</a>${invocations.length > 0 && html` · all samples of <a
    href=${`${BASE}/runs/${id}/invocations/${invocations[0].n}`}>invocation ${invocations[0].n}</a>`}${' '}· <a
      href="/api">how to ask for more</a></p>
    <${Command} text=${`curl -s ${url}`} label="curl command" />`;
}

const TABS = [['reproduce', 'Reproduce'], ['config', 'Configuration'], ['device', 'Device'],
  ['invocations', 'Invocations'], ['raw', 'Raw']];

// The keyboard pattern of tabs: arrows move and choose, Tab goes into the panel
export function Tabs({ id, data, findings }) {
  const { query } = usePlace();
  const list = useRef();
  const asked = query.get('tab');
  const tab = TABS.some(([key]) => key === asked) ? asked : 'reproduce';
  const choose = key => setQuery({ tab: key === 'reproduce' ? null : key });
  const move = event => {
    const at = TABS.findIndex(([key]) => key === tab);
    const next = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: TABS.length - 1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      choose(TABS[(next + TABS.length) % TABS.length][0]);
      list.current.children[(next + TABS.length) % TABS.length].focus();
    }
  };
  const { run, invocations } = data;
  return html`<section class="panel tabs" aria-label="More about this run">
    <div role="tablist" aria-label="More about this run" ref=${list} onKeyDown=${move}>${TABS.map(([key, text]) =>
    html`<button type="button" role="tab" key=${key} id=${`tab-${key}`} aria-selected=${key === tab}
      aria-controls="tab-panel" tabindex=${key === tab ? 0 : -1} onClick=${() => choose(key)}>${text}</button>`)}</div>
    <div role="tabpanel" id="tab-panel" aria-labelledby=${`tab-${tab}`} tabindex="0">
    ${tab === 'reproduce' && html`<${Reproduce} run=${run} />`}
    ${tab === 'config' && html`<${Configuration} run=${run} />`}
    ${tab === 'device' && html`<${Device} run=${run} />`}
    ${tab === 'invocations' && html`<${Invocations} id=${id} run=${run} invocations=${invocations}
      details=${query.get('details') === '1'} findings=${findings} />`}
    ${tab === 'raw' && html`<${Raw} id=${id} invocations=${invocations} />`}</div></section>`;
}
