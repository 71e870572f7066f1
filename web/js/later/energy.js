// Energy per inference, gross and net of idle, by rail; absent stays absent.
import { html } from '../dom.js';
import * as f from '../format.js';
import { Table } from '../parts.js';
import { median } from '../invocation.js';

const joules = uj => f.number(uj, 'uj');
const FEW = { updates: 100, ns: 10e9 }; // below, a rail has moved too seldom to stand on
const watts = uw => (f.absent(uw) ? f.DASH : `${f.fixed(uw / 1e6, 2)} W`);

function railsOf(invocations) {
  const rails = new Map();
  for (const i of invocations.filter(one => one.status === 'ok' && one.iterations > 0)) {
    for (const e of i.energy || []) {
      const row = rails.get(e.rail) || { rail: e.rail, counted: e.counted, gross: [], net: [], power: [], idle: [], updates: [], window: [] };
      const idle = f.absent(e.idle_uw) ? null : e.idle_uw * e.window_ns / 1e9;
      row.gross.push(e.energy_uj / i.iterations);
      row.net.push(idle === null ? null : (e.energy_uj - idle) / i.iterations);
      row.power.push(e.window_ns > 0 ? e.energy_uj / (e.window_ns / 1e9) : null);
      row.idle.push(e.idle_uw);
      row.updates.push(e.updates);
      row.window.push(e.window_ns);
      rails.set(e.rail, row);
    }
  }
  return [...rails.values()];
}

export function Energy({ invocations }) {
  const rows = railsOf(invocations);
  if (rows.length === 0) {
    return null;
  }
  const of = (key, show) => r => show(median(r[key]));
  const few = r => median(r.updates) < FEW.updates || median(r.window) < FEW.ns;
  const counted = rows.filter(r => r.counted).map(r => r.rail);
  return html`<h3>Energy per inference</h3><div data-energy><${Table} className="stack" caption="Energy per inference by rail"
    rows=${rows} rowKey=${r => r.rail} columns=${[
    { key: 'r', title: 'Rail', cell: r => html`<span class="mono">${r.rail}</span><span class="under">${
      r.counted ? 'counted' : 'part of another rail'}</span>` },
    { key: 'g', title: 'Gross', num: true, cell: of('gross', joules) },
    { key: 'n', title: 'Net of idle', num: true, cell: r => (r.net.every(f.absent)
      ? html`<span class="none">idle not measured</span>` : joules(median(r.net))) },
    { key: 'p', title: 'Mean power', num: true, cell: of('power', watts) },
    { key: 'i', title: 'Idle', num: true, cell: of('idle', watts) },
    { key: 'u', title: 'Updates of the counter', num: true, cell: r => html`${f.number(median(r.updates))}<span
      class="under">in ${f.number(median(r.window), 'ns')}${few(r) ? ': few' : ''}</span>` }]} /></div>
    <p class="note">Medians over invocations. Coverage: ${counted.length
    ? `${counted.join(', ')}; what is not on these rails is not in the sum` : 'no rail counts for the whole'}. ${rows.some(few)
    ? `Few: under ${FEW.updates} updates or 10 s, so take the energy as a rough figure.` : ''}</p>`;
}
