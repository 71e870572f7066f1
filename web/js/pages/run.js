// Run: why is it this fast, can it be trusted, how is it repeated. Facts and headline numbers come from one
// request; charts ask for their own rollups.
import { html, useEffect, useState } from '../dom.js';
import { BASE, useResource } from '../api.js';
import { toggleTables } from '../figure.js';
import * as f from '../format.js';
import { useKeys } from '../keys.js';
import { POLL_MS } from '../live.js';
import { Badge, Estimate, Facts, Failure, Loading, Panel } from '../parts.js';
import { navigate, setQuery, usePlace } from '../router.js';
import { Later } from '../later.js';
import { Histogram, TimeLine } from './run_charts.js';
import { Costs } from './run_costs.js';
import { InvocationDots } from './run_dots.js';
import { factsOf, Verification } from './run_facts.js';
import { Tabs } from './run_tabs.js';
import { Experiment, Scenario, Trust, trustOf } from './run_trust.js';

export const title = match => `Run ${f.shortId(match[1])}`;
export const params = ['tab', 'log', 'zoom', 'inv', 'clip', 'metric', 'tables', 'details', 't', 'ops', 'by'];

function Where({ run }) {
  const link = (name, value, text = value) => value && html`<a class="plain"
    href=${`/?${name}=${encodeURIComponent(value)}`}>${text}</a>`;
  return html`<${Facts} rows=${[
    ['Runtime', html`${link('runtime', run.runtime)} <span class="muted">${run.runtime_version}</span>`],
    ['Provider', run.provider],
    ['Device', link('device', run.device)],
    ['Commit', run.commit ? html`<span class="mono">${link('commit', run.commit, run.commit.slice(0, 12))}</span>`
      : html`<span class="none">none given</span>`],
    ['Variant', html`<span class="mono" title=${run.variant_sha256}>${link('variant_sha256', run.variant_sha256,
      f.shortSha(run.variant_sha256))}</span> <span class="muted">${run.format} ${
      !run.variant_bytes ? '' : f.number(run.variant_bytes, 'bytes')}</span>`],
    ...factsOf(run),
    ['Started', html`<time datetime=${run.started_at}>${f.dateTime(run.started_at)}</time>
      <span class="muted"> ${f.age(run.started_at)}</span>`],
    ...Object.entries(run.labels || {}).map(([name, value]) => [name, value]),
  ]} />`;
}

const HEADLINE = ['p50_ns', 'p90_ns', 'p99_ns', 'throughput_per_s', 'load_ns', 'first_inference_ns',
  'peak_rss_bytes', 'cpu_ns_per_inference', 'energy_uj_per_inference'];
const OPTIONAL = ['energy_uj_per_inference']; // few machines have it; then nothing stands there

function Headline({ summary, trust, emulator }) {
  const times = metric => emulator && metric !== 'peak_rss_bytes'; // an emulator's are no results
  const has = metric => !f.absent(summary[metric]?.value);
  const shown = HEADLINE.filter(metric => !OPTIONAL.includes(metric) || has(metric));
  return html`<ul class="headline">${shown.map(metric => html`<li key=${metric} data-metric=${metric}>
    <span class="label">${f.METRICS[metric].name}${
    trust !== 'not_assessed' && has(metric) && html` <${Badge} state=${trust} />`}</span>
    ${times(metric) ? html`<span class="none">emulated</span>` : html`<${Estimate} e=${summary[metric]}
    metric=${metric} />`}</li>`)}</ul>`;
}

function Head({ data, id, trust }) {
  const { run, invocations } = data;
  const ok = invocations.filter(i => i.status === 'ok').length;
  const iterations = f.plural(invocations.reduce((sum, i) => sum + (i.iterations || 0), 0), 'sample');
  return html`<p class="crumbs"><a href="/">Runs</a> <span aria-hidden="true">/</span> <span
    class="mono">${id}</span></p>
    <div class="title-row"><h1 tabindex="-1">${run
    ? html`${run.model} <span class="variant">${run.variant}</span>` : `Run ${f.shortId(id)}`}</h1>
    <p class="badges">${run ? html`<${Badge} state=${run.status} />${
      ok < invocations.length && run.status !== 'failed' && html`<${Badge} state="failed"
      text=${`${invocations.length - ok} of ${invocations.length} failed`} />`}<${Badge}
        state=${run.verification} />${run.external && html`<${Badge} state="external"
        title="latencies as another program told them, not timed here" />`}${run.emulator && html`<${Badge}
        state="emulated" />`}${trust.state === 'not_assessed'
    ? html`<${Badge} state="not_assessed" text="trust: not assessed" />`
    : html`<a href="#trust" onClick=${event => {
      event.preventDefault();
      document.getElementById('trust')?.scrollIntoView({ block: 'center' });
    }}><${Badge} state=${trust.state} /></a>`}` : html`<${Badge} state="running" />`}</p>
    <a class="button" href=${`/compare?a=${id}`}>Compare <kbd>c</kbd></a></div>
    <p class="under-title">${ok === invocations.length
    ? f.plural(invocations.length, 'invocation')
    : html`<strong>${ok} of ${f.plural(invocations.length, 'invocation')} ok</strong>`} · ${iterations} ${
    run && !f.absent(run.planned) && run.planned !== invocations.length ? `· ${run.planned} were planned ` : ''}·
    each invocation is one fresh process; numbers are medians over invocations with exact 95 % intervals</p>
    ${run && html`<${Where} run=${run} />`}`;
}

function Failures({ invocations }) {
  const failed = invocations.filter(i => i.status !== 'ok');
  return failed.length > 0 && html`<${Panel} title=${f.plural(failed.length, 'failed invocation')} id="failures"
    className="alarm">${failed.map(i => html`<article key=${i.n} class="failed">
    <h3><span class="glyph" aria-hidden="true">✕</span>Invocation ${i.n}: ${
  (i.failure || 'failed').replaceAll('_', ' ')}
      ${!f.absent(i.signal) && html`<span class="muted"> signal ${i.signal}</span>`}
      ${!f.absent(i.exit_status) && html`<span class="muted"> exit status ${i.exit_status}</span>`}</h3>
    <p>${i.failure_text} <span class="muted">Last step that was reached: ${i.step || 'unknown'}.</span></p>
    ${i.stderr_tail && html`<pre tabindex="0"
      aria-label=${`last lines of the log of invocation ${i.n}`}>${i.stderr_tail}</pre>`}
    </article>`)}</${Panel}>`;
}

function Warnings({ invocations }) {
  const counts = new Map();
  for (const invocation of invocations) {
    for (const warning of invocation.warnings || []) {
      counts.set(warning, (counts.get(warning) || 0) + 1);
    }
  }
  return counts.size > 0 && html`<${Panel} title="Warnings" id="warnings"><ul class="warnings">${
    [...counts].map(([text, n]) => html`<li key=${text}><span class="glyph" aria-hidden="true">!</span>${text}
      <span class="muted"> in ${n} of ${invocations.length}</span></li>`)}</ul></${Panel}>`;
}

// has the scenario something to draw: latency by window, or the rates that a search tried
const drawn = ({ run, scenario }) => ['sustained', 'server', 'paced'].includes(scenario?.kind) || run?.capacity?.bound_ns > 0;

export function Page({ match }) {
  const id = decodeURIComponent(match[1]);
  const { query } = usePlace();
  const path = `${BASE}/runs/${encodeURIComponent(id)}`;
  const [open, setOpen] = useState(false);
  const { data, error, reload } = useResource(path, { every: open ? POLL_MS : 0 });
  useEffect(() => setOpen(!!data && !data.closed), [data]);
  useKeys({
    T: () => toggleTables(query, ['histogram', 'timeline', 'dots', ...['windows', 'rates', 'lanes'].filter(name =>
      document.querySelector(`[data-figure=${name}]`))]),
    c: () => navigate(`/compare?a=${id}`),
    Escape: () => (query.get('zoom') || query.get('t') ? setQuery({ zoom: null, t: null }) : false),
  });
  useEffect(() => {
    if (data?.run) {
      document.title = `${data.run.model} · ${data.run.variant} · Inferometer`;
    }
  }, [data]);
  if (error && !data) {
    return html`<h1 tabindex="-1">Run ${f.shortId(id)}</h1><${Failure} error=${error} retry=${reload} />
      <p><a href="/">All runs</a></p>`;
  }
  if (!data) {
    return html`<h1 tabindex="-1">Run ${f.shortId(id)}</h1><${Loading} rows=${6} label="Loading the run" />`;
  }
  const { run, summary, invocations } = data;
  const trust = trustOf(data);
  const ok = invocations.filter(i => i.status === 'ok');
  return html`<${Head} data=${data} id=${id} trust=${trust} />
    ${open && html`<p class="notice">This run is not closed yet: ${f.plural(invocations.length, 'invocation')} so far.
      The page follows it.</p>`}
    ${run?.emulator && html`<p class="notice"><span class="glyph" aria-hidden="true">✕</span>${run.emulator} computed in place
      of the processor: these timings are no results and are never compared.</p>`}
    ${summary && html`<${Headline} summary=${summary} trust=${trust.state} emulator=${run?.emulator} />`}
    <${Scenario} run=${run} scenario=${data.scenario} summary=${summary} />
    <${Trust} trust=${trust} total=${invocations.length} />
    <${Experiment} run=${run} invocations=${invocations} />
    <${Failures} invocations=${invocations} />
    <${Warnings} invocations=${invocations} />
    ${ok.length > 0 ? html`<div class="grid">
      <${Histogram} id=${id} summary=${summary} closed=${data.closed}
        samples=${ok.reduce((sum, i) => sum + (i.iterations || 0), 0)} />
      <${TimeLine} id=${id} invocations=${invocations} />
      <${InvocationDots} summary=${summary} invocations=${invocations} findings=${trust.findings}
        arms=${run?.experiment?.arms} />
      <${Costs} run=${run} invocations=${ok} /></div>
    ${drawn(data) && html`<${Later} id="scenario" title="The scenario over time" runId=${id} run=${run} scenario=${data.scenario}
      invocations=${invocations} />`}
    <${Later} id="lanes" title="The machine meanwhile" runId=${id} invocations=${invocations} />
    ${run?.profile?.inferences > 0 && html`<${Later} id="ops" title="Operators" runId=${id} run=${run} />`}`
    : html`<section class="panel empty"><h2>No samples</h2><p>No invocation finished, so there is nothing to draw.${' '}
      ${invocations.length > 0 ? 'The reasons stand above.' : ''}</p></section>`}
    <${Panel} title="Verification of outputs" id="verification"><${Verification} run=${run}
      invocations=${invocations} /></${Panel}>
    <${Tabs} id=${id} data=${data} findings=${trust.findings} />`;
}
