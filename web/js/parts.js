// Small pieces that every page uses: badges (word + glyph + colour, never colour alone), estimates, states
// of loading and failing, copy buttons, tables that stack on a phone.
import { html, useEffect, useRef, useState } from './dom.js';
import * as f from './format.js';

// -- speaking to screen readers -------------------------------------------------------------------
export function announce(text) {
  const region = document.getElementById('live');
  if (region) {
    region.textContent = '';
    setTimeout(() => { region.textContent = text; }, 30);
  }
}

// -- badges ---------------------------------------------------------------------------------------
const BADGES = {
  complete: ['✓', 'complete', 'quiet'],
  interrupted: ['◐', 'interrupted', 'bad'],
  failed: ['✕', 'failed', 'bad'],
  ok: ['✓', 'ok', 'quiet'],
  running: ['…', 'not closed yet', 'quiet'],
  verified: ['✓', 'verified', 'good'],
  cross_checked: ['≈', 'cross-checked', 'good'],
  no_reference: ['○', 'no reference', 'quiet'],
  wrong: ['≠', 'WRONG', 'loud'],
  external: ['↗', 'external', 'quiet'],
  emulated: ['✕', 'emulated', 'bad'],
  not_assessed: ['○', 'not assessed', 'quiet'],
  note: ['·', 'note', 'quiet'],
  valid: ['✓', 'valid', 'quiet'],
  invalid: ['✕', 'INVALID', 'loud'],
  trusted: ['✓', 'trusted', 'good'],
  caution: ['!', 'caution', 'bad'],
  untrusted: ['✕', 'untrusted', 'bad'],
  regression: ['!', 'regression', 'bad'],
  improvement: ['✓', 'improvement', 'good'],
  equivalent: ['=', 'equivalent', 'quiet'],
  inconclusive: ['?', 'inconclusive', 'quiet'],
};

export function Badge({ state, text, title }) {
  const [glyph, word, tone] = BADGES[state] || ['·', state || f.DASH, 'quiet'];
  return html`<span class="badge ${tone}" title=${title}><span class="glyph" aria-hidden="true"
    >${glyph}</span>${text || word}</span>`;
}
export const badgeWord = state => (BADGES[state] || [0, state])[1];

// How a run of the list ended: what failed first, then what its outputs were
export function Outcome({ row }) {
  const made = row.invocations_failed + row.invocations_ok;
  const some = row.invocations_failed > 0 && `${row.invocations_failed} of ${made} failed`;
  const whole = row.status === 'failed';
  return html`${row.status !== 'complete' && html`<${Badge} state=${row.status} text=${whole && some ? some : null} />`}
    ${some && !whole && html`<${Badge} state="failed" text=${some} />`}
    ${(row.invocations_ok > 0 || row.verification !== 'no_reference') && html`<${Badge} state=${row.verification} />`}`;
}

// -- numbers --------------------------------------------------------------------------------------
export function Estimate({ e, metric, inline }) {
  const { kind } = f.metric(metric);
  const hidden = e && e.enough === false;
  const reason = f.estimateReason(e, metric);
  if (!e || f.absent(e.value)) {
    return html`<span class="none" title="not measured">${f.DASH}</span>`;
  }
  const range = hidden ? null : f.interval(e.value, e.low, e.high, kind);
  const width = range ? e.high - e.low : NaN;
  return html`<span class=${hidden ? 'value none' : 'value'}>${f.number(e.value, kind, width)}</span>
    ${inline ? ' ' : ''}<span class="range">${range || reason}</span>`;
}

export function When({ at }) {
  return html`<time datetime=${at} title=${f.dateTime(at)}>${f.age(at)}</time>`;
}

// -- states ---------------------------------------------------------------------------------------
// Nothing for 150 ms (most answers are there before), then a skeleton
export function Loading({ rows = 3, label = 'Loading' }) {
  const [late, setLate] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLate(true), 150);
    return () => clearTimeout(timer);
  }, []);
  return late ? html`<div class="skeleton" role="status" aria-label=${label}>
    ${Array.from({ length: rows }, (_, i) => html`<span key=${i}></span>`)}</div>` : null;
}

export function Failure({ error, retry, what }) {
  return html`<div class="failure" role="alert">
    <p><strong><span class="glyph" aria-hidden="true">✕</span>${what ? `${what}: ` : ''}${error.title}</strong>
    ${error.detail && error.detail !== error.title ? html`<br/>${error.detail}` : null}</p>
    <p class="row">${retry && html`<button type="button" onClick=${retry}>Try again</button>`}
    ${error.requestId && html`<span class="muted">request <code>${error.requestId}</code></span>`}</p>
  </div>`;
}

export function Panel({ title, extra, children, className = '', id, figure }) {
  return html`<section class="panel ${className}" data-figure=${figure} aria-labelledby=${id && `${id}-title`} id=${id}>
    <header><h2 id=${id && `${id}-title`}>${title}</h2>${extra}</header>${children}</section>`;
}

// -- copying --------------------------------------------------------------------------------------
async function copy(text, from) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    // plain http on another host than localhost has no clipboard: select it for the user
    const range = document.createRange();
    range.selectNodeContents(from);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    return document.execCommand('copy');
  }
}

export function Command({ text, label = 'command' }) {
  const code = useRef();
  const [said, setSaid] = useState('');
  const onClick = async () => {
    const done = await copy(text, code.current);
    setSaid(done ? 'Copied' : 'Selected: press Ctrl+C');
    announce(done ? `${label} copied` : 'selected');
    setTimeout(() => setSaid(''), 2000);
  };
  return html`<div class="command"><pre tabindex="0" aria-label=${label}><code ref=${code}>${text}</code></pre>
    <button type="button" onClick=${onClick} aria-label=${`Copy ${label}`}>${said || 'Copy'}</button></div>`;
}

// -- tables ---------------------------------------------------------------------------------------
// What is wider than its place scrolls, and then has to be reachable by keyboard; else it is no stop of Tab.
export function Scroll({ label, className = '', children }) {
  const box = useRef();
  const [wide, setWide] = useState(false);
  useEffect(() => {
    const own = box.current;
    const observer = new ResizeObserver(() => setWide(own.scrollWidth > own.clientWidth + 1 &&
      getComputedStyle(own).overflowX === 'auto'));
    observer.observe(own);
    observer.observe(own.firstElementChild);
    return () => observer.disconnect();
  }, []);
  return html`<div ref=${box} class=${`scroll ${className}`} tabindex=${wide ? 0 : undefined}
    role=${wide ? 'region' : undefined} aria-label=${wide ? label : undefined}>${children}</div>`;
}

// columns: { key, title, cell(row) -> vnode, num, wide }. On a phone each row becomes a block of labelled lines.
export function Table({ columns, rows, caption, rowKey, className = '', rowProps = () => ({}) }) {
  return html`<${Scroll} label=${caption}><table class=${`data ${className}`}>
    <caption class="hidden">${caption}</caption>
    <thead><tr>${columns.map(c => html`<th scope="col" key=${c.key} class=${c.num ? 'num' : ''}
      >${c.title}</th>`)}</tr></thead>
    <tbody>${rows.map((row, i) => html`<tr key=${rowKey ? rowKey(row) : i} ...${rowProps(row)}>
      ${columns.map((c, at) => (at === 0
    ? html`<th scope="row" key=${c.key} data-label=${c.label || c.title}
      class=${c.num ? 'num' : ''}>${c.cell(row)}</th>`
    : html`<td key=${c.key} data-label=${c.label || c.title} class=${
      `${c.num ? 'num' : ''} ${c.wide ? 'wide' : ''}`}>${c.cell(row)}</td>`))}
    </tr>`)}</tbody></table></${Scroll}>`;
}

export function Bar({ parts, total }) {
  return html`<span class="bar-track" aria-hidden="true">${parts.map(([key, value]) => value > 0 && html`<span
    key=${key} class=${`bar-part ${key}`}
      style=${{ width: `${Math.max(0.4, value / total * 100)}%` }}></span>`)}</span>`;
}

export function Facts({ rows }) {
  const shown = rows.filter(([, value]) => value !== null && value !== undefined && value !== '');
  return html`<dl class="facts">${shown.map(([name, value, wide]) => html`<div key=${name} class=${wide ? 'wide' : ''}>
    <dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

export function Segmented({ label, value, options, onChange }) {
  return html`<div class="segmented" role="group" aria-label=${label}>
    ${options.map(([key, text]) => html`<button type="button" key=${key} aria-pressed=${value === key}
      onClick=${() => onChange(key)}>${text}</button>`)}</div>`;
}
