// Operators of the model, from a pass of its own with the runtime's profiler on: where the time goes, what ran outside
// the asked provider, and how much the profiler itself distorts.
import { html, useState } from '../dom.js';
import { BASE, useResource } from '../api.js';
import * as f from '../format.js';
import { Badge, Bar, Command, Facts, Failure, Loading, Panel, Scroll, Segmented } from '../parts.js';
import { setQuery, usePlace } from '../router.js';

const DISTORTED = 1.1; // a profiled run that is slower than this says little about the real one
const FIRST = 15;

const bare = name => (name || '').toLowerCase().replace(/executionprovider$/, '');

function rowsOf(profile, provider, byType) {
  const count = profile.inferences || 1;
  const outside = op => profile.fallback_share > 0 && !!op.provider && bare(op.provider) !== bare(provider);
  const rows = new Map();
  profile.ops.forEach((op, i) => {
    const key = byType ? `${op.type} ${op.provider}` : String(i);
    const row = rows.get(key) || { key, name: byType ? op.type || f.DASH : op.name, type: byType ? '' : op.type,
      provider: op.provider, fallback: outside(op), shapes: byType ? '' : op.shapes, ns: 0, calls: 0, ops: 0 };
    row.ns += op.total_ns / count;
    row.calls += op.calls / count;
    row.ops++;
    rows.set(key, row);
  });
  return [...rows.values()];
}

const KEYS = { name: r => r.name.toLowerCase(), provider: r => r.provider || '', time: r => -r.ns, calls: r => -r.calls };
function sorted(rows, sort) {
  const key = KEYS[sort.replace('-', '')] || KEYS.time;
  const turn = sort.startsWith('-') ? -1 : 1;
  return [...rows].sort((a, b) => (key(a) < key(b) ? -turn : key(a) > key(b) ? turn : 0));
}

function Head({ name, text, num, sort }) {
  const mine = sort.replace('-', '') === name;
  const down = sort.startsWith('-');
  const numeric = name === 'time' || name === 'calls'; // the biggest come first
  return html`<th scope="col" class=${num ? 'num' : ''} aria-sort=${!mine ? 'none' : numeric !== down ? 'descending' : 'ascending'}
    ><button type="button" class="sort" onClick=${() => setQuery({ ops: mine ? (down ? null : `-${name}`) : name })}>${text}<span
    aria-hidden="true">${!mine ? '' : numeric !== down ? ' ▼' : ' ▲'}</span></button></th>`;
}

function Row({ row, total, longest }) {
  return html`<tr class=${row.fallback ? 'fallback' : ''}><th scope="row" data-label="Operator"><span
    class="mono wrap">${row.name}</span><span class="under">${row.type}${row.ops > 1 ? `${row.ops} operators` : ''}</span></th>
    <td class="num" data-label="Time">${f.number(row.ns, 'ns')}</td>
    <td class="share" data-label="Share">${f.fixed(row.ns / total * 100, 1)} %<${Bar} total=${longest}
      parts=${[[row.fallback ? 'file' : 'a', row.ns]]} /></td>
    <td class="num" data-label="Calls">${f.number(row.calls)}</td>
    <td data-label="Provider">${row.provider || f.DASH}${row.fallback && html` <${Badge} state="caution" text="fallback" />`}</td>
    <td class="wide" data-label="Shapes"><span class="mono wrap small">${row.shapes || f.DASH}</span></td></tr>`;
}

export default function Ops({ runId, run }) {
  const { query } = usePlace();
  const path = `${BASE}/runs/${runId}/ops`;
  const { data, error, reload } = useResource(path);
  const [all, setAll] = useState(false);
  const profile = data?.profile;
  const byType = query.get('by') === 'type';
  const sort = query.get('ops') || 'time';
  if (!profile) {
    return html`<${Panel} title="Operators" id="ops">${error ? html`<${Failure} error=${error} retry=${reload} />`
      : data ? html`<p class="muted">This run has no operator profile. <code>inferometer profile MODEL</code> makes one.</p>`
        : html`<${Loading} rows=${5} />`}</${Panel}>`;
  }
  const rows = sorted(rowsOf(profile, run?.provider, byType), sort);
  const total = profile.p50_ns || rows.reduce((sum, r) => sum + r.ns, 0) || 1;
  const rest = profile.unattributed_ns;
  const longest = Math.max(...rows.map(r => r.ns), 1);
  const shown = all ? rows : rows.slice(0, FIRST);
  const factor = profile.perturbation;
  const distorted = factor > DISTORTED;
  return html`<${Panel} title="Operators" id="ops" extra=${html`<div class="controls"><${Segmented} label="Rows"
    value=${byType ? 'type' : ''} options=${[['', 'operators'], ['type', 'by type']]} onChange=${by => setQuery({ by })} />
    <a class="small button" href=${path} download=${`ops-${runId.slice(0, 8)}.json`}>JSON</a></div>`}>
    ${distorted && html`<p class="notice"><span class="glyph" aria-hidden="true">!</span><strong>distorted</strong>: with the profiler
      on, an inference took ${f.fixed(factor, 2)} times as long. Shares tell which operators are big, not how long they
      take alone.</p>`}
    <${Facts} rows=${[
    ['Profiler’s own cost', f.absent(factor) ? 'not measured' : html`×${f.fixed(factor, 2)} of P50 ${distorted && html`<${Badge}
      state="caution" text="distorted" />`}`],
    ['P50 profiled', f.number(profile.p50_ns, 'ns')], ['P50 unprofiled', f.number(profile.unprofiled_p50_ns, 'ns')],
    ['Outside the asked provider', f.absent(profile.fallback_share) ? null : `${f.fixed(profile.fallback_share * 100, 1)} %`],
    ['Profiled inferences', f.number(profile.inferences)],
  ]} />
    <${Scroll} label="Operators"><table class="data stack ops"><caption class="hidden">Operators, time per inference</caption>
    <thead><tr><${Head} name="name" text=${byType ? 'Type' : 'Operator'} sort=${sort} /><${Head} name="time" text="Time" num
      sort=${sort} /><th scope="col">Share of P50</th><${Head} name="calls" text="Calls" num sort=${sort} /><${Head}
      name="provider" text="Provider" sort=${sort} /><th scope="col">Shapes</th></tr></thead>
    <tbody>${shown.map(row => html`<${Row} key=${row.key} row=${row} total=${total} longest=${longest} />`)}
    ${!f.absent(rest) && html`<tr class="rest"><th scope="row" data-label="Operator">unattributed<span class="under">the runtime
      between operators</span></th><td class="num" data-label="Time">${f.number(rest, 'ns')}</td><td class="share"
      data-label="Share">${f.fixed(rest / total * 100, 1)} %${rest > 0 && html`<${Bar} total=${longest} parts=${[['rest', Math.min(rest,
      longest)]]} />`}</td><td class="num" data-label="Calls">${f.DASH}</td><td data-label="Provider">${f.DASH}</td><td class="wide"
      data-label="Shapes">${f.DASH}</td></tr>`}</tbody></table></${Scroll}>
    ${rows.length > FIRST && html`<p class="row"><button type="button" class="small" onClick=${() => setAll(!all)}>${all
      ? `Show the first ${FIRST}` : `Show all ${rows.length}`}</button></p>`}
    <p class="note">Time per inference, from a pass of its own; never part of the latency above. For a trace that opens in
      Perfetto:</p><${Command} text=${`inferometer profile ${run?.variant || 'MODEL'} --trace trace.json`} label="trace command" />
    </${Panel}>`;
}
