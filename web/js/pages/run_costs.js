// What an invocation costs beside latency: memory by phase, and where its time goes. Tables with bars, no canvas.
import { html } from '../dom.js';
import * as f from '../format.js';
import { median } from '../invocation.js';
import { Bar, Facts, Panel, Table } from '../parts.js';

function Memory({ run, invocations }) {
  const phases = [['memory_load', 'after load'], ['memory_first', 'first inference'], ['memory_steady', 'steady']];
  const rows = phases.map(([key, name]) => {
    const of = field => median(invocations.map(i => i[key]?.[field]));
    return { name, peak: of('peak_rss_bytes'), anon: of('anon_bytes'), file: of('file_bytes'),
      minor: of('minor_faults'), major: of('major_faults') };
  });
  const total = Math.max(...rows.map(r => Math.max(r.peak || 0, (r.anon || 0) + (r.file || 0))), 1);
  const array = median(invocations.map(i => i.own_array_bytes));
  const end = field => {
    const value = median(invocations.map(i => i.memory_end?.[field]));
    return value === null ? null : f.number(value, 'bytes');
  };
  const made = run?.allocations?.inferences > 0 ? run.allocations : null;
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
  ]} /><${Facts} rows=${[['PSS at the end', end('pss_bytes')], ['USS at the end', end('uss_bytes')],
    ['Runtime’s allocator, peak', end('allocator_peak_bytes')], ['Control group, peak with page cache', end('cgroup_peak_bytes')],
    ['Allocations per inference', made && `${f.number(made.allocations / made.inferences)}, ${
      f.number(made.bytes / made.inferences, 'bytes')}`]]} /><p class="note">${array > 0
    ? `Our own sample array (${f.number(array, 'bytes')}) is already taken off. ` : ''}Medians over
    invocations${made ? '; allocations by the runtime, from a pass of their own' : ''}.</p></${Panel}>`;
}

const ENDS = { fixed: 'by a fixed number', converged: 'converged', cap: 'cut at its maximum' };

// "converged in 9 of 10, cut at its maximum in 1"
function counted(invocations, key, names = {}) {
  const counts = new Map();
  invocations.map(i => i[key]).filter(v => v !== null && v !== undefined)
    .forEach(v => counts.set(v, (counts.get(v) || 0) + 1));
  return counts.size === 1 && [...counts.values()][0] === invocations.length
    ? names[[...counts.keys()][0]] || [...counts.keys()][0].replaceAll('_', ' ')
    : [...counts].map(([v, n]) => `${names[v] || v.replaceAll('_', ' ')} in ${n}`).join(', ') || null;
}

function Startup({ run, invocations }) {
  const steps = [['spawn_ns', 'process start'], ['load_ns', 'model load'], ['first_inference_ns', 'first inference'],
    ['warmup_ns', 'warm-up'], ['steady_ns', 'timed phase']];
  const rows = steps.map(([key, name]) => {
    const values = invocations.map(i => i[key]).filter(v => v > 0); // 0: there was no such step
    return { name, value: median(values), low: Math.min(...values), high: Math.max(...values), count: values.length };
  }).filter(row => row.count > 0);
  const own = rows.filter(r => r.name !== 'warm-up' && r.name !== 'timed phase'); // those are as long as asked for
  const total = Math.max(...own.map(r => r.value), 1);
  const ended = run?.method_version >= 2 ? invocations.map(i => ({ warmup_end: 'fixed', ...i })) : invocations;
  const cold = counted(invocations.map(i => i.cold || {}), 'level');
  const pages = invocations.filter(i => i.cold?.pages > 0 && !f.absent(i.cold.resident));
  return html`<${Panel} title="Where the time of an invocation goes" id="startup" className="third">
    <${Table} className="bars" caption="Steps of an invocation" rows=${rows} columns=${[
    { key: 'name', title: 'Step',
      cell: r => html`${r.name}${own.includes(r) && html`<${Bar} total=${total} parts=${[['a', r.value]]} />`}` },
    { key: 'v', title: 'Median', num: true, cell: r => f.number(r.value, 'ns', r.high - r.low) },
    { key: 'r', title: 'Min..max', num: true, cell: r => (r.count > 1
      ? html`<span class="range flat">${f.interval(r.value, r.low, r.high, 'ns')}</span>` : f.DASH) },
  ]} /><${Facts} rows=${[['Warm-up ended', counted(ended, 'warmup_end', ENDS)],
    ['Timed phase', counted(invocations, 'steady_class')],
    ['Load was', cold && `${cold}${pages.length ? `, ${Math.round(100 * median(pages.map(i => i.cold.resident / i.cold.pages)))
    } % of the file in memory` : ''}`]]} />
  <p class="note">Medians over ${f.plural(invocations.length, 'invocation')}; warm-up and timed phase are as long as
    was asked for.</p></${Panel}>`;
}

export function Costs({ run, invocations }) {
  return html`<${Memory} run=${run} invocations=${invocations} /><${Startup} run=${run}
    invocations=${invocations} />`;
}
