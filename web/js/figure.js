// A chart with everything around it: heading, controls, legend, the drawing (loaded late), and the same data
// as a table. A canvas says nothing to a screen reader, so it has a label, a table, and arrow keys that speak.
import { html, useEffect, useRef, useState } from './dom.js';
import * as cursor from './cursor.js';
import { announce } from './parts.js';
import { setQuery, usePlace } from './router.js';

let loading = null;
const load = () => (loading ||= import('./chart.js'));

export const tablesIn = query => (query.get('tables') || '').split(',').filter(Boolean);

// T: the focused chart, or all of them
export function toggleTables(query, names) {
  const shown = tablesIn(query);
  const focused = document.activeElement?.closest?.('[data-figure]')?.dataset.figure;
  if (focused) {
    toggleTable(query, focused);
  } else {
    setQuery({ tables: shown.length ? null : names.join(',') });
  }
}

export function toggleTable(query, name) {
  const shown = tablesIn(query);
  const next = shown.includes(name) ? shown.filter(x => x !== name) : [...shown, name];
  setQuery({ tables: next.join(',') });
}

function Canvas({ spec, label }) {
  const canvas = useRef();
  const chart = useRef();
  const at = useRef(-1);
  const [failed, setFailed] = useState(null);
  useEffect(() => {
    let gone = false;
    load().then(module => {
      if (!gone) {
        chart.current = module.create(canvas.current, spec);
      }
    }, error => setFailed(error));
    return () => {
      gone = true;
      chart.current?.destroy();
      chart.current = null;
    };
  }, []);
  useEffect(() => {
    at.current = -1;
    chart.current?.update(spec);
    return spec.onPoint && cursor.follow(x => chart.current?.cursor(x));
  }, [spec]);
  const walk = event => {
    if (event.key === 'Enter' && spec.onPick && at.current >= 0) {
      event.preventDefault();
      spec.onPick(...spec.walk.at(at.current));
      return;
    }
    const steps = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (step === undefined || !spec.walk?.count || event.ctrlKey || event.metaKey || event.altKey) {
      return;
    }
    event.preventDefault();
    at.current = Math.max(0, Math.min(spec.walk.count - 1, at.current + step));
    chart.current?.point(spec.walk.at(at.current));
    announce(spec.walk.say(at.current));
  };
  if (failed) {
    return html`<p class="muted">The chart module did not load (${failed.message}); the table has the
      same data.</p>`;
  }
  return html`<div class="canvas"><canvas ref=${canvas} role="img" tabindex="0" onKeyDown=${walk}
    aria-label=${`${label} Left and right arrow keys walk the points.`}></canvas></div>`;
}

// spec: what js/chart.js draws; table: a function that renders the same data; null spec: children instead
export function Figure({ name, title, label, spec, legend, controls, note, table, children, className = '' }) {
  const { query } = usePlace();
  const asTable = tablesIn(query).includes(name);
  return html`<section class="panel figure ${className} ${spec ? '' : 'tall'}" data-figure=${name} aria-labelledby=${`${name}-title`}>
    <header><h2 id=${`${name}-title`}>${title}</h2>
    <div class="controls">${controls}
      ${spec && html`<button type="button" class="small" aria-pressed=${asTable}
        onClick=${() => toggleTable(query, name)} title="T">Table</button>`}</div></header>
    ${legend && spec && !asTable && html`<ul class="legend">${legend.map(([key, text]) =>
    html`<li key=${text}><span class="swatch ${key}" aria-hidden="true"></span>${text}</li>`)}</ul>`}
    ${children || (spec && (asTable
    ? html`<div class="as-table" tabindex="0" role="region" aria-label=${`${title}, as a table`}>${table()}</div>`
    : html`<${Canvas} spec=${spec} label=${label} />`))}
    ${note && html`<p class="note">${note}</p>`}
  </section>`;
}
