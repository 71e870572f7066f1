// Were the conditions fit for measuring: the verdict with its reasons and remedies, which invocations show them, the
// experiment the run belongs to, and what a scenario asked for and got.
import { html, useState } from '../dom.js';
import { BASE, useResource } from '../api.js';
import * as f from '../format.js';
import { percentileName } from '../invocation.js';
import { Badge, Facts, Failure, Loading, Panel, Table } from '../parts.js';

// the verdict as the daemon computed it; of an older daemon, as the run was sent
export function trustOf({ run, trust }) {
  return trust || (run && { state: run.trust, line: null, findings: run.trust_findings || [],
    unobserved: run.trust_unobserved || [] }) || { state: 'not_assessed', findings: [], unobserved: [] };
}

// -- which invocations a finding is about ------------------------------------------------------------------
// The finding brings its limit; a row says what it saw. Findings about the whole run have no row here.
const above = (key, part = value => value) => (i, limit) => !f.absent(i[key]) && part(i[key]) > limit;
const SHOWS = {
  within_spread: above('iqr_ratio'),
  outliers: above('outlier_share'),
  autocorrelation: above('autocorrelation'),
  late_warmup: (i, limit) => i.mser_share > limit && !(i.mser_ratio <= 1.02),
  clock_mismatch: above('clock_ratio', ratio => Math.abs(ratio - 1)),
  generator_late: above('lateness_p99_ns'),
  preempted: (i, limit) => i.iterations > 0 && i.involuntary_switches / i.iterations > limit,
  major_faults: (i, limit) => i.memory_steady?.major_faults > limit,
  drift: (i, limit) => i.drift_p < 0.01 && i.drift_ratio - 1 > limit,
  not_steady: i => ['slowdown', 'no_steady_state'].includes(i.steady_class),
  warmup_not_converged: i => i.warmup_end === 'cap' && i.steady_class !== 'flat',
  suspended: i => i.suspended_ns > 0,
  nondeterministic: i => i.deterministic === false,
  maximum_reached: i => i.end_reason === 'maximum',
};
export const flagsOf = (invocation, findings) => findings.filter(({ code, severity, limit }) => severity !== 'note' &&
  SHOWS[code]?.(invocation, limit ?? 0)).map(({ code }) => code);

// -- the panel ---------------------------------------------------------------------------------------------
const NS = ['suspended', 'generator_late'];
const NUMBERS = ['autocorrelation', 'preempted', 'few_invocations', 'few_samples', 'major_faults', 'batched', 'throttled', 'overloaded'];
function amount(code, value, limit) {
  return NS.includes(code) ? f.number(value, 'ns') : code === 'memory_limit' ? f.number(value, 'bytes')
    : NUMBERS.includes(code) || (code === 'co_load' && limit > 0.1) ? f.number(value)
      : f.share(Number(value.toPrecision(3)));
}
const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
const sentence = text => text && capital(text) + (/[.!?…]$/.test(text) ? '' : '.');

function Finding({ finding, total }) {
  const { code, severity, text, remedy, invocations, value, limit } = finding;
  const told = /\(limit /.test(text || ''); // then the sentence has both already
  const seen = [
    !told && !f.absent(value) && `seen: ${amount(code, value, limit)}`,
    !told && !f.absent(limit) && `limit: ${amount(code, limit, limit)}`,
    invocations > 0 && !/\d invocations?\b/.test(text || '') && `in ${invocations} of ${f.plural(total, 'invocation')}`,
  ].filter(Boolean).join(' · ');
  return html`<li data-code=${code}><${Badge} state=${severity} /><div><p><strong>${sentence(text || code.replaceAll('_', ' '))}</strong></p>
    ${remedy && html`<p>${sentence(remedy)}</p>`}
    <p class="muted small"><span class="mono">${code}</span>${seen && ` · ${seen}`}</p></div></li>`;
}

export function Trust({ trust, total }) {
  const { state, findings, unobserved } = trust;
  if (state === 'not_assessed' && !findings.length) {
    return null;
  }
  const against = findings.filter(one => one.severity !== 'note').length;
  return html`<${Panel} title="Trust" id="trust" className=${state} extra=${html`<${Badge} state=${state} />`}>
    <p>${against ? `${f.plural(against, 'finding')} against these numbers${against > 1 ? ', the worst first' : ''}.`
    : state === 'trusted' ? 'Nothing was seen that speaks against these numbers.' : 'No reason was given.'}</p>
    ${unobserved.length > 0 && html`<p class="muted">${capital(unobserved.join(', '))} not observed: this machine has no such
      source, which never lowers the verdict.</p>`}
    ${findings.length > 0 && html`<ul class="findings">${findings.map(one => html`<${Finding} key=${one.code} finding=${one}
      total=${total} />`)}</ul>`}</${Panel}>`;
}

// -- the experiment ----------------------------------------------------------------------------------------
function Arms({ id, own }) {
  const { data, error, reload } = useResource(`${BASE}/runs?experiment=${encodeURIComponent(id)}&limit=200`);
  if (!data) {
    return error ? html`<${Failure} error=${error} retry=${reload} />` : html`<${Loading} />`;
  }
  return html`<${Table} className="stack" caption="Arms of the experiment" rows=${data.items} rowKey=${r => r.id} columns=${[
    { key: 'm', title: 'Model, variant', cell: r => html`<a href=${`/runs/${r.id}`}>${r.model}</a> <span
      class="variant">${r.variant}</span>` },
    { key: 'r', title: 'Runtime', cell: r => `${r.runtime} ${r.runtime_version}` },
    { key: 'p', title: 'P50', num: true, cell: r => f.number(r.p50_ns, 'ns') },
    { key: 't', title: 'Trust', cell: r => html`<${Badge} state=${r.trust} />` },
    { key: 'c', title: 'Against this run', cell: r => (r.id === own ? html`<span class="muted">this run</span>`
      : html`<a href=${`/compare?a=${own}&b=${r.id}`}>compare</a>`) }]} />`;
}

export function Experiment({ run, invocations }) {
  const [open, setOpen] = useState(false);
  const { id, arms, arm, seed } = run?.experiment || {};
  if (!id) {
    return null;
  }
  const places = invocations.filter(i => !f.absent(i.order)).map(i => i.order);
  return html`<details class="panel experiment" onToggle=${event => setOpen(event.target.open)}>
    <summary><strong>Interleaved</strong>: arm ${(arm ?? 0) + 1} of ${arms} of an experiment, measured in
      turns in random order (seed ${String(seed)})${places.length > 0 && html` <span class="muted">· places ${
      places.slice(0, 12).join(', ')}${places.length > 12 ? '…' : ''}</span>`}</summary>
    ${open && html`<${Arms} id=${id} own=${run.id} /><p class="note"><a href=${`/?experiment=${encodeURIComponent(id)}`}>All runs
      of this experiment</a></p>`}</details>`;
}

// -- what a scenario asked for and got ---------------------------------------------------------------------
const SCENARIOS = {
  multi: 'Multi-stream', offline: 'Offline batches', paced: 'Paced', server: 'Server, open loop', sustained: 'Sustained load',
};
const part = (value, of) => (f.absent(value) || !of ? '' : ` (${f.share(Number((value / of).toPrecision(3)))})`);
const ns = value => (f.absent(value) ? null : f.number(value, 'ns'));
const rate = value => (f.absent(value) ? null : f.number(value, 'per_s'));

function rowsOfScenario(s, p99, bounded) {
  const open = s.kind === 'server';
  return [
    ['Offered', rate(s.rate_per_s)],
    ['Achieved', !f.absent(s.achieved_per_s) && rate(s.achieved_per_s) + part(s.achieved_per_s, s.rate_per_s)],
    ['Queries', s.queries > 0 && `${f.number(s.queries)}${s.unfinished > 0 ? `, ${f.number(s.unfinished)} unanswered` : ''}`],
    ['Period', s.period_ns > 0 && ns(s.period_ns)],
    ['Missed deadlines', !f.absent(s.missed) && s.kind === 'paced' && `${f.number(s.missed)}${part(s.missed_share, 1)}`],
    ['P99 from the intended start', open && p99 && !f.absent(p99.value) &&
      (p99.enough === false ? 'n too small' : ns(p99.value))],
    ...(bounded || !(s.bound_ns > 0) ? [] : [
      ['Bound', html`${percentileName(s.bound_percentile || 9900)} ≤ ${ns(s.bound_ns)} <${Badge} state=${s.passed ? 'valid' : 'failed'}
        text=${s.passed ? 'held' : 'not shown to hold'} />`],
      ['At the bound’s percentile', ns(s.at_bound_ns)],
      ['Over the bound', !f.absent(s.over_bound) && f.number(s.over_bound) + part(s.over_bound, s.queries)],
    ]),
    ['Generator late, P99', ns(s.lateness_p99_ns)],
    ['First minute, P50', ns(s.first_p50_ns)],
    ['Last minute, P50', !f.absent(s.last_p50_ns) && ns(s.last_p50_ns) +
      (f.absent(s.first_p50_ns) ? '' : ` (${f.percent(s.last_p50_ns / s.first_p50_ns - 1)})`)],
    ['Knee', s.kind === 'sustained' && (f.absent(s.knee_ns) || s.knee_ns < 0 ? 'none seen' : `after ${ns(s.knee_ns)}`)],
  ];
}

export function Scenario({ run, scenario: s, summary }) {
  const c = run?.capacity?.bound_ns > 0 ? run.capacity : null;
  if (!s && !c) {
    return null;
  }
  return html`<${Panel} title=${c ? 'Highest rate under a bound' : SCENARIOS[s.kind] || s.kind} id="scenario-facts"
    extra=${s && s.valid !== null && s.valid !== undefined && html`<span class="badges">${s.overloaded && html`<${Badge}
    state="failed" text="overloaded" />`}<${Badge} state=${s.valid ? 'valid' : 'invalid'} /></span>`}>
    ${s?.reason && html`<p class=${s.valid === false || s.overloaded ? 'notice' : 'muted'}>${s.reason}</p>`}
    <${Facts} rows=${[
    ...(c ? [['Highest rate that held', html`<strong>${f.absent(c.max_per_s) ? 'none' : rate(c.max_per_s)}</strong>`],
      ['Bound', `${percentileName(c.percentile)} ≤ ${ns(c.bound_ns)}`],
      ['Lowest rate that failed', rate(c.failing_per_s)]] : []),
    ...(s ? rowsOfScenario(s, summary?.p99_ns, !!c) : [])].filter(([, value]) => value !== false)} />
    ${s && !f.absent(s.rate_per_s) && html`<p class="note">Open loop: queries come on schedule whether or not earlier ones are
      done, and latency counts from the intended start.</p>`}</${Panel}>`;
}
