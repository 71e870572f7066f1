// Overview: the newest runs; what failed or computed WRONG stands out; two selected rows open Compare.
import { html, useEffect, useLayoutEffect, useRef, useState } from '../dom.js';
import { BASE, cached, get, useResource } from '../api.js';
import * as f from '../format.js';
import { useKeys } from '../keys.js';
import { togglePaused, usePolling } from '../live.js';
import { announce, Badge, badgeWord, Command, Failure, Loading, Outcome, Scroll, When } from '../parts.js';
import { navigate, setQuery, usePlace, withQuery } from '../router.js';

const FACETS = [
  ['model', 'Model'], ['runtime', 'Runtime'], ['device', 'Device'], ['status', 'Status'],
  ['verification', 'Verification'], ['trust', 'Trust'],
];
// what the daemon filters by without a field of its own on this page; shown as removable marks
const OTHERS = ['provider', 'commit', 'experiment', 'scenario', 'format', 'variant_sha256', 'device_key', 'config_key',
  'id_prefix', 'since', 'until'];
const isFilter = name => name === 'q' || FACETS.some(([facet]) => facet === name) ||
  OTHERS.includes(name) || name.startsWith('label.');

function listPath(query) {
  const ask = new URLSearchParams();
  for (const [name, value] of query) {
    if (isFilter(name) || name === 'cursor') {
      ask.append(name, value);
    }
  }
  const text = ask.toString();
  return `${BASE}/runs${text ? `?${text}` : ''}`;
}

// -- facets: the values seen so far in this tab, so that choosing one does not take away the others --------
const seen = Object.fromEntries(FACETS.map(([name]) => [name, new Set()]));
function remember(rows) {
  for (const row of rows) {
    for (const [name] of FACETS) {
      if (row[name]) {
        seen[name].add(row[name]);
      }
    }
  }
}

// -- search: the first letter makes an entry in the history, the rest replace it: one Back undoes it -------
function Search({ value }) {
  const input = useRef();
  const timer = useRef();
  const begun = useRef(false);
  useEffect(() => {
    if (document.activeElement !== input.current || !begun.current) {
      input.current.value = value;
    }
  }, [value]);
  const write = () => {
    clearTimeout(timer.current);
    setQuery({ q: input.current.value.trim(), cursor: null }, { replace: begun.current });
    begun.current = true;
  };
  return html`<label class="search"><span class="hidden">Search model, variant, device or runtime</span>
    <input ref=${input} type="search" placeholder="Search model, variant, device, runtime" maxlength="200"
      id="search" onInput=${() => { clearTimeout(timer.current); timer.current = setTimeout(write, 200); }}
      onKeyDown=${event => {
    if (event.key === 'Enter') {
      write();
    } else if (event.key === 'Escape') {
      event.target.blur();
    }
  }}
      onBlur=${() => { begun.current = false; }} /><kbd aria-hidden="true">/</kbd></label>`;
}

const WORDS = ['status', 'verification', 'trust'];
function Facet({ name, label, value }) {
  const values = [...new Set([...seen[name], ...(value ? [value] : [])])].sort();
  return html`<label class=${value ? 'facet on' : 'facet'}><span>${label}</span>
    <select value=${value} name=${name}
      onChange=${event => setQuery({ [name]: event.target.value, cursor: null })}>
      <option value="">any</option>
      ${values.map(v => html`<option key=${v} value=${v} selected=${v === value}>${
    WORDS.includes(name) ? badgeWord(v) : v}</option>`)}
    </select></label>`;
}

function Filters({ query }) {
  const others = [...query].filter(([name]) => OTHERS.includes(name) || name.startsWith('label.'));
  const any = [...query].some(([name]) => isFilter(name));
  return html`<form class="filters" role="search" onSubmit=${event => event.preventDefault()}>
    <${Search} value=${query.get('q') || ''} />
    ${FACETS.map(([name, label]) => html`<${Facet} key=${name} name=${name} label=${label}
      value=${query.get(name) || ''} />`)}
    ${others.map(([name, value]) => html`<button type="button" class="chip" key=${name}
      title=${`${name} = ${value}`}
      onClick=${() => setQuery({ [name]: null, cursor: null })}>${name} = ${
    value.length > 20 ? `${value.slice(0, 12)}…` : value} <span aria-hidden="true">✕</span><span
      class="hidden">remove this filter</span></button>`)}
    ${any && html`<a class="clear" href="/">Clear</a>`}
  </form>`;
}

// -- the table ---------------------------------------------------------------------------------------------
const SORTS = { p50: 'p50_ns', p99: 'p99_ns', throughput: 'throughput_per_s', rss: 'peak_rss_bytes' };

// An emulator's times are no results, and how fast wrong outputs were says nothing: neither is put in an order
const emulated = row => /\bemulated\b/.test(row.trust_line || '');
const ranked = row => row.verification !== 'wrong' && !emulated(row);

function sorted(rows, sort) {
  const down = sort.startsWith('-');
  const key = SORTS[sort.replace('-', '')];
  if (!key) {
    return rows;
  }
  return [...rows].sort((a, b) => {
    const out = row => f.absent(row[key]) || (key !== 'peak_rss_bytes' && !ranked(row));
    if (out(a) || out(b)) {
      return out(a) - out(b); // last, either way
    }
    return down ? b[key] - a[key] : a[key] - b[key];
  });
}

function SortHead({ name, text, sort }) {
  const state = sort === name ? 'ascending' : sort === `-${name}` ? 'descending' : null;
  const next = state === null ? name : state === 'ascending' ? `-${name}` : null;
  return html`<th scope="col" class="num" aria-sort=${state || 'none'}><button type="button" class="sort"
    onClick=${() => setQuery({ sort: next })}
    title="sorts the rows shown here">${text}<span aria-hidden="true">${
  state === 'ascending' ? ' ▲' : state ? ' ▼' : ''}</span></button></th>`;
}

function Latency({ row }) {
  if (f.absent(row.p50_ns) || emulated(row)) {
    return html`<span class="none">${emulated(row) ? 'emulated' : f.DASH}</span>`;
  }
  const width = f.absent(row.p50_low_ns) ? NaN : row.p50_high_ns - row.p50_low_ns;
  const range = f.interval(row.p50_ns, row.p50_low_ns, row.p50_high_ns, 'ns');
  return html`<span class="value">${f.number(row.p50_ns, 'ns', width)}</span><span class="range">${
    range || html`<span title="needs at least 6 invocations">no interval, K = ${row.invocations_ok}</span>`}</span>`;
}

// the word; the sentence behind it is unfolded, not hovered
function Trust({ row }) {
  const more = row.trust_line && row.trust_line !== row.trust && row.trust_line !== 'not assessed';
  return more ? html`<details class="why"><summary><${Badge} state=${row.trust} /></summary>${row.trust_line}</details>`
    : html`<${Badge} state=${row.trust} />`;
}

function Row({ row, active, picked, isNew, onPick }) {
  const tone = row.verification === 'wrong' || row.status === 'failed' ? 'alarm' : '';
  return html`<tr class=${`${tone} ${active ? 'active' : ''} ${picked ? 'picked' : ''} ${isNew ? 'new' : ''}`}
    data-id=${row.id}>
    <td class="pick"><label><input type="checkbox" checked=${picked} onChange=${onPick} /><span
      class="hidden">select ${row.model} ${row.variant} of ${f.dateTime(row.started_at)}</span></label></td>
    <th scope="row" data-label="Run"><a href=${`/runs/${row.id}`}><${When} at=${row.started_at} /></a><span
      class="under mono">${f.shortId(row.id)}</span></th>
    <td data-label="Model" class="long wide"><a class="plain" href=${`/runs/${row.id}`}
      tabindex="-1">${row.model}</a><span
      class="under">${row.variant}${row.scenario && row.scenario !== 'single' && html` · ${row.scenario}`}</span>${
    row.experiment && html`<a class="under plain" href=${`/?experiment=${encodeURIComponent(row.experiment)}`}>interleaved</a>`}</td>
    <td data-label="Outcome" class="badges"><${Outcome} row=${row} /></td>
    <td data-label="Runtime"><span class="nowrap">${row.runtime} <span
      class="muted">${row.runtime_version}</span></span><span class="under">${row.provider || f.DASH}</span></td>
    <td data-label="Device" class="long">${row.device}</td>
    <td data-label="P50" class="num"><${Latency} row=${row} /></td>
    <td data-label="P99" class="num">${f.absent(row.p99_ns) || emulated(row)
    ? html`<span class="none">${f.DASH}</span>`
    : row.p99_enough === false
      ? html`<span class="none small" title="P99 needs at least 459 samples in each invocation">n too small</span>`
      : html`<span class="value">${f.number(row.p99_ns, 'ns')}</span>`}</td>
    <td data-label="Throughput" class="num">${f.number(emulated(row) ? null : row.throughput_per_s, 'per_s')}</td>
    <td data-label="Peak RSS" class="num">${f.number(row.peak_rss_bytes, 'bytes')}</td>
    <td data-label="Trust"><${Trust} row=${row} /></td>
    <td data-label="Commit" class="mono">${row.commit
    ? html`<a class="plain" href=${`/?commit=${encodeURIComponent(row.commit)}`}
      title=${row.commit}>${row.commit.slice(0, 9)}</a>`
    : html`<span class="none">${f.DASH}</span>`}</td>
  </tr>`;
}

function FirstRun() {
  return html`<section class="panel empty"><h2>No runs yet</h2>
    <p>Measure a real model, check its outputs against stored reference outputs, and send the result here:</p>
    <${Command} text="deploy/quickstart.sh" label="quickstart command" />
    <p>Or any model of your own:</p>
    <${Command} text="inferometer run mine.onnx" label="run command" />
    <p>Runs that were made before this daemon was known are kept on disk; this sends them:</p>
    <${Command} text=${`inferometer push --daemon ${location.origin}`} label="push command" />
    <p class="muted">This page shows new runs by itself.</p></section>`;
}

function NoMatch({ query }) {
  const filters = [...query].filter(([name]) => isFilter(name));
  return html`<section class="panel empty"><h2>No run matches</h2>
    <p>Filtered by ${filters.map(([name, value], i) => html`${i ? ', ' : ''}<code>${name}=${value}</code>`)}.</p>
    <p class="row">${filters.map(([name]) => html`<a class="button" key=${name}
      href=${withQuery({ [name]: null, cursor: null })}>Remove ${name}</a>`)}
    <a href="/">Show all runs</a></p></section>`;
}

function Strip({ rows, more }) {
  const count = test => rows.filter(test).length;
  const parts = [
    [count(r => r.verification === 'wrong'), 'WRONG', 'wrong', 'verification=wrong'],
    [count(r => r.status === 'failed'), 'failed', 'failed', 'status=failed'],
    [count(r => r.status === 'interrupted'), 'interrupted', 'interrupted', 'status=interrupted'],
    [count(r => r.trust === 'untrusted'), 'untrusted', 'untrusted', 'trust=untrusted'],
    [count(r => r.verification === 'verified'), 'verified', 'verified', 'verification=verified'],
  ];
  return html`<p class="strip"><span><strong>${f.fixed(rows.length, 0)}</strong> ${
    rows.length === 1 ? 'run' : 'runs'} shown${more ? ', newest first' : ''}</span>
    ${parts.filter(([n]) => n > 0).map(([n, word, state, filter]) => html`<a key=${word}
      href=${`/?${filter}`}><${Badge} state=${state} text=${`${n} ${word}`} /></a>`)}</p>`;
}

// -- new runs come without moving what one reads -----------------------------------------------------------
function untouched(selected, active) {
  const focus = document.activeElement;
  return scrollY < 60 && selected.length === 0 && !active &&
    (!focus || focus === document.body || focus.tagName === 'H1');
}

function useList(query, selected, active) {
  const path = listPath(query);
  const asked = useResource(path);
  const [shown, setShown] = useState({ path: null, data: null, fresh: [] });
  const [pending, setPending] = useState(null);
  useEffect(() => {
    if (asked.path === path && !asked.busy && asked.data && !asked.error) {
      setShown({ path, data: asked.data, fresh: [] });
      setPending(null);
    }
  }, [asked.data, asked.busy, path]);
  const known = shown.path === path ? shown.data : asked.data || cached(path);
  const show = data => {
    const have = new Set((shown.data?.items || []).map(row => row.id));
    const fresh = data.items.filter(row => !have.has(row.id)).map(row => row.id);
    setShown({ path, data, fresh });
    setPending(null);
    announce(`${f.plural(fresh.length, 'new run')} shown`);
  };
  usePolling(async () => {
    const answer = await get(path).catch(() => null);
    if (!answer?.changed || shown.path !== path) {
      return;
    }
    const have = new Set(shown.data.items.map(row => row.id));
    const fresh = answer.data.items.filter(row => !have.has(row.id));
    if (fresh.length === 0) {
      return;
    }
    if (untouched(selected, active)) {
      show(answer.data);
    } else {
      setPending({ count: fresh.length, data: answer.data });
      announce(`${f.plural(fresh.length, 'new run')} waiting`);
    }
  }, !query.get('cursor') && !!known);
  return { ...asked, data: known, fresh: shown.fresh, pending, show: () => show(pending.data) };
}

function useRows(rows, selected, active, setActive) {
  const move = step => {
    const at = rows.findIndex(row => row.id === active);
    const next = rows[Math.max(0, Math.min(rows.length - 1, at < 0 ? 0 : at + step))];
    if (next) {
      setActive(next.id);
    }
  };
  const pick = id => {
    const next = selected.includes(id) ? selected.filter(x => x !== id) : [...selected, id].slice(-2);
    setQuery({ sel: next.join(',') }, { replace: true });
    announce(next.length === 2 ? 'two runs selected, c compares them' : f.plural(next.length, 'run') + ' selected');
  };
  const compare = () => selected.length === 2 && navigate(`/compare?a=${selected[0]}&b=${selected[1]}`);
  useKeys({
    j: () => move(1),
    k: () => move(-1),
    x: () => active && pick(active),
    c: () => (selected.length === 2 ? compare() : announce('select two runs with x first')),
    '/': () => document.getElementById('search')?.focus(),
    '.': togglePaused,
    Enter: event => (active && event.target.tagName !== 'A' && event.target.tagName !== 'BUTTON'
      ? navigate(`/runs/${active}`) : false),
    'g r': () => rows[0] && navigate(`/runs/${rows[0].id}`),
  });
  return { pick, compare };
}

function Tray({ selected, compare, rows }) {
  const name = id => {
    const row = rows.find(r => r.id === id);
    return row ? `${row.model} · ${row.variant}` : f.shortId(id);
  };
  return html`<div class="tray" role="region" aria-label="Selected runs">
    ${selected.map((id, i) => html`<span key=${id}><span class="ab ${'ab'[i]}">${'AB'[i]}</span>${name(id)}</span>`)}
    ${selected.length === 2
    ? html`<button type="button" class="primary" onClick=${compare}>Compare <kbd>c</kbd></button>`
    : html`<span class="muted">select one more to compare</span>`}
    <button type="button" onClick=${() => setQuery({ sel: null }, { replace: true })}>Clear</button></div>`;
}

export function Page() {
  const { query } = usePlace();
  const selected = (query.get('sel') || '').split(',').filter(Boolean).slice(0, 2);
  const [active, setActive] = useState(null);
  const list = useList(query, selected, active);
  const sort = query.get('sort') || '';
  const rows = sorted(list.data?.items || [], sort);
  remember(rows);
  const { pick, compare } = useRows(rows, selected, active, setActive);
  useLayoutEffect(() => {
    document.querySelector('tr.active th a')?.focus();
  }, [active]);
  const filtered = [...query].some(([name]) => isFilter(name));
  const cursor = query.get('cursor');
  return html`<div class="title-row"><h1 tabindex="-1">Runs</h1>
    ${list.data && rows.length > 0 && html`<${Strip} rows=${rows} more=${list.data.next_cursor || cursor} />`}
    ${list.busy && list.data && list.path === listPath(query) && !list.fresh && html`<span
      class="muted">updating…</span>`}</div>
    <${Filters} query=${query} />
    <div class="pill-place">${list.pending && html`<button type="button" class="pill"
      onClick=${() => { scrollTo(0, 0); list.show(); }}>${
  f.plural(list.pending.count, 'new run')} – show</button>`}</div>
    ${list.error && html`<${Failure} error=${list.error} retry=${list.reload} what="The list of runs" />`}
    ${!list.data && !list.error && html`<${Loading} rows=${8} label="Loading runs" />`}
    ${list.data && rows.length === 0 && !list.error &&
      (filtered || cursor ? html`<${NoMatch} query=${query} />` : html`<${FirstRun} />`)}
    ${rows.length > 0 && html`<${Scroll} label="Runs, newest first"
      className=${`runs ${list.busy && !list.fresh ? 'stale' : ''}`}>
    <table class="data stack"><caption class="hidden">Runs, newest first</caption>
    <thead><tr><th scope="col" class="pick"><span class="hidden">Select</span></th>
      <th scope="col">Run</th><th scope="col">Model, variant</th><th scope="col">Outcome</th>
      <th scope="col">Runtime, provider</th>
      <th scope="col">Device</th><${SortHead} name="p50" text="P50" sort=${sort} />
      <${SortHead} name="p99" text="P99" sort=${sort} />
      <${SortHead} name="throughput" text="Throughput" sort=${sort} />
      <${SortHead} name="rss" text="Peak RSS"
        sort=${sort} /><th scope="col">Trust</th><th scope="col">Commit</th></tr></thead>
    <tbody>${rows.map(row => html`<${Row} key=${row.id} row=${row} active=${row.id === active}
      picked=${selected.includes(row.id)} isNew=${list.fresh?.includes?.(row.id)}
      onPick=${() => pick(row.id)} />`)}</tbody></table></${Scroll}>`}
    ${list.data && html`<nav class="pages" aria-label="Pages">
      ${sort && rows.length > 1 && html`<span class="muted">sorted among the ${rows.length} rows shown</span>`}
      ${cursor && html`<a class="button" href=${withQuery({ cursor: null })}>Newest</a>`}
      ${list.data.next_cursor && html`<a class="button" href=${withQuery({ cursor: list.data.next_cursor })}>Older</a>`}
    </nav>`}
    ${selected.length > 0 && html`<${Tray} selected=${selected} compare=${compare} rows=${rows} />`}`;
}
