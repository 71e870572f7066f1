// What the samplers read while the invocation ran: one small lane per metric over one time axis, with the latency on
// top. The list is drawn from the reply: a new sampler's lanes appear by themselves, formatted by unit and kind.
import { html, useEffect, useMemo, useRef, useState } from '../dom.js';
import { BASE, useResource } from '../api.js';
import * as cursor from '../cursor.js';
import { tablesIn, toggleTable } from '../figure.js';
import * as f from '../format.js';
import { Failure, Loading, Panel, Table } from '../parts.js';
import { chosen, InvocationSelect, samplesIn, samplesPath, timePoints } from '../invocation.js';
import { setQuery, usePlace } from '../router.js';
import { Energy } from './energy.js';
import { extent, laneOf, nice } from './units.js';

const W = 1000; // of a lane's drawing; it is stretched to its place
const span = (from, to) => to - from || 1;

// -- paths -------------------------------------------------------------------------------------------------
// null breaks the line; a rate holds over the time between two reads, so it is drawn as steps
function linePath(points, x, y, steps) {
  let d = '';
  let pen = false;
  points.forEach((p, i) => {
    if (p.y === null) {
      pen = false;
    } else if (steps) {
      d += `${pen ? 'L' : 'M'}${x(p.from)} ${y(p.y)}H${x(p.x)}`;
      pen = true;
    } else {
      d += `${pen ? 'L' : 'M'}${x(p.x)} ${y(p.y)}`;
      pen = true;
      if (i === points.length - 1 || points[i + 1].y === null) {
        d += 'h0.01';
      }
    }
  });
  return d;
}

function shown(points, [from, to]) {
  const first = Math.max(0, points.findIndex(p => p.x >= from) - 1);
  const after = points.findIndex(p => p.x > to);
  return points.slice(first, after < 0 ? undefined : after + 1);
}

function Drawing({ points, stretch, height, steps, band, dots }) {
  const inside = shown(points, stretch);
  const [low, high] = extent(inside, band);
  const x = t => Math.round((t - stretch[0]) / span(...stretch) * W * 10) / 10;
  const y = v => Math.round((height - 3 - (v - low) / span(low, high) * (height - 6)) * 10) / 10;
  return html`<svg class="lane-drawing" viewBox="0 0 ${W} ${height}" preserveAspectRatio="none" height=${height}
    aria-hidden="true">
    ${band && html`<path class="band" d=${inside.map((p, i) => `${i ? 'L' : 'M'}${x(p.x)} ${y(p.max)}`).join('') +
      [...inside].reverse().map(p => `L${x(p.x)} ${y(p.min)}`).join('')} />`}
    <path class="line" d=${linePath(inside, x, y, steps)} />
    ${dots && inside.filter(p => p.y !== null).map(p => html`<path class="dot" d=${`M${x(p.x)} ${y(p.y)}h0.01`} />`)}</svg>`;
}

// -- the value under the cursor ----------------------------------------------------------------------------
function valueAt(points, t, steps) {
  const next = points.findIndex(p => p.x >= t);
  if (next < 0) {
    return points.at(-1);
  }
  const nearer = !steps && next > 0 && t - points[next - 1].x < points[next].x - t;
  return points[nearer ? next - 1 : next];
}

function useCursor() {
  const [t, setT] = useState(cursor.at());
  useEffect(() => cursor.follow(setT), []);
  return t;
}

function Value({ lane, stretch }) {
  const t = useCursor();
  if (t !== null) {
    return html`<span class="value">${lane.show(valueAt(lane.points, t, lane.steps)?.y)}</span>`;
  }
  const [low, high] = extent(shown(lane.points, stretch), lane.band, true);
  return html`<span class="range flat">${low === null ? 'no value' : low === high ? lane.show(low)
    : lane.between(low, high)}</span>`;
}

function Lane({ lane, stretch, height = 36 }) {
  return html`<div class="lane" data-lane=${lane.key}><span class="lane-name">${lane.label}<span
    class="muted">${lane.detail}</span></span>
    <${Drawing} points=${lane.points} stretch=${stretch} height=${height} steps=${lane.steps} band=${lane.band}
      dots=${lane.sparse || lane.points.length < 3} />
    <span class="lane-value"><${Value} lane=${lane} stretch=${stretch} /></span></div>`;
}

// -- the layer over all lanes: cursor, drag, keys -----------------------------------------------------------
function Overlay({ stretch, lanes, steadyNs }) {
  const box = useRef();
  const t = useCursor();
  const [drag, setDrag] = useState(null);
  const timeOf = event => {
    const { left, width } = box.current.getBoundingClientRect();
    return stretch[0] + Math.max(0, Math.min(1, (event.clientX - left) / width)) * span(...stretch);
  };
  const at = time => `${Math.max(0, Math.min(100, (time - stretch[0]) / span(...stretch) * 100))}%`;
  const reads = useMemo(() => [...new Set(lanes.flatMap(l => l.points.map(p => p.x)))]
    .filter(x => x >= stretch[0] && x <= stretch[1]).sort((a, b) => a - b), [lanes, ...stretch]);
  const onKeyDown = event => {
    const here = t === null ? -1 : reads.findLastIndex(x => x <= t);
    const next = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: reads.length - 1,
      PageDown: here + 10, PageUp: here - 10 }[event.key];
    if (next !== undefined && !event.ctrlKey && !event.altKey && !event.metaKey && reads.length) {
      event.preventDefault();
      cursor.point(reads[Math.max(0, Math.min(reads.length - 1, next))]);
    }
  };
  const values = t === null ? '' : lanes.map(l => `${l.label} ${l.show(valueAt(l.points, t, l.steps)?.y)}`).join(', ');
  const now = Math.round((t ?? stretch[0]) / 1e6);
  return html`<div ref=${box} class="lane-layer" role="slider" tabindex="0" aria-label="Time under the cursor"
    aria-valuemin=${Math.round(stretch[0] / 1e6)} aria-valuemax=${Math.round(stretch[1] / 1e6)} aria-valuenow=${now}
    aria-valuetext=${t === null ? 'no time chosen' : `${f.number(t, 'ns')}: ${values}`} onKeyDown=${onKeyDown}
    onBlur=${() => cursor.point(null)} onPointerLeave=${() => !drag && cursor.point(null)}
    onPointerDown=${event => {
    if (event.button === 0 && event.pointerType === 'mouse') {
      box.current.setPointerCapture(event.pointerId);
      setDrag([timeOf(event), timeOf(event)]);
    } else {
      cursor.point(timeOf(event));
    }
  }} onPointerMove=${event => {
    cursor.point(timeOf(event));
    setDrag(drag && [drag[0], timeOf(event)]);
  }} onPointerUp=${event => {
    if (drag && Math.abs(drag[0] - timeOf(event)) > span(...stretch) * 0.01) {
      cursor.setStretch(...[drag[0], timeOf(event)].sort((a, b) => a - b));
    }
    setDrag(null);
  }}>
    ${stretch[0] < 0 && html`<span class="lane-shade" style=${{ left: 0, width: at(0) }}></span>`}
    ${stretch[1] > steadyNs && html`<span class="lane-shade" style=${{ left: at(steadyNs), right: 0 }}></span>`}
    ${t !== null && t >= stretch[0] && t <= stretch[1] && html`<span class="lane-cursor" style=${{ left: at(t) }}></span>`}
    ${drag && html`<span class="lane-drag" style=${{ left: at(Math.min(...drag)), right:
      `calc(100% - ${at(Math.max(...drag))})` }}></span>`}</div>`;
}

function Axis({ stretch }) {
  const unit = f.unitOf(Math.max(...stretch.map(Math.abs)), 'ns');
  const step = nice(span(...stretch) / 6);
  const ticks = [];
  for (let t = Math.ceil(stretch[0] / step) * step; t <= stretch[1]; t += step) {
    ticks.push(t);
  }
  return html`<div class="lane axis" aria-hidden="true"><span class="lane-name muted">time (${
    unit.name})</span><span class="lane-ticks">${ticks.map(t => html`<span key=${t}
    style=${{ left: `${(t - stretch[0]) / span(...stretch) * 100}%` }}>${f.tick(t, unit, step)}</span>`)}</span></div>`;
}

// -- as a table --------------------------------------------------------------------------------------------
const ROWS = 300;
function AsTable({ groups }) {
  return groups.map(group => {
    const every = Math.ceil(group.times.length / ROWS);
    const at = group.lanes.map(lane => new Map(lane.points.map(p => [p.x, p.y])));
    return html`<h3>${group.title}</h3><${Table} caption=${`Lanes of ${group.title}`}
      rows=${group.times.filter((_, i) => i % every === 0)} columns=${[
  { key: 't', title: 'Time', num: true, cell: t => f.number(t, 'ns') },
  ...group.lanes.map((lane, i) => ({ key: lane.key, title: lane.label, num: true, cell: t => lane.show(at[i].get(t)) }))]} />
      ${every > 1 && html`<p class="note">Every ${every}th of ${f.plural(group.times.length, 'read')}; the JSON has
        all.</p>`}`;
  });
}

// -- the panel ---------------------------------------------------------------------------------------------
function latencyLane(row) {
  const points = timePoints(row);
  const show = value => f.number(value, 'ns');
  return { key: 'latency', label: 'latency', detail: 'median, min to max', points, band: true, steps: false, show,
    between: (low, high) => `${show(low)} to ${show(high)}` };
}

function groupsOf(data) {
  return data.groups.filter(group => group.lanes.length && group.t_ns.length).map(group => ({
    title: group.sampler, times: group.t_ns,
    note: [group.sparse ? 'at the ends of phases only: no core was spare' : group.period_ns > 0 &&
      `every ${f.number(group.period_ns, 'ns')}`, group.cost_ns > 0 && `cost ${f.number(group.cost_ns, 'ns')} of CPU time`]
      .filter(Boolean).join(' · '),
    sparse: group.sparse,
    lanes: group.lanes.map(lane => ({ ...laneOf(lane, group.t_ns, group.sampler), sparse: group.sparse })),
  }));
}

const ends = list => list.reduce(([low, high], p) => [Math.min(low, p.from ?? p.x), Math.max(high, p.x)], [Infinity, -Infinity]);

export default function Lanes({ runId, invocations }) {
  const { query } = usePlace();
  const n = chosen(query, invocations);
  const { data, error, reload } = useResource(`${BASE}/runs/${runId}/lanes?invocation=${n}`);
  const samples = useResource(samplesPath(runId, n, cursor.stretchOf(query)));
  const row = samples.data?.invocations.find(i => i.n === n);
  const groups = useMemo(() => (data?.groups ? groupsOf(data) : []), [data]);
  const latency = useMemo(() => (row && samplesIn(row).some(Boolean) ? latencyLane(row) : null), [row]);
  const lanes = useMemo(() => [...(latency ? [latency] : []), ...groups.flatMap(g => g.lanes)], [latency, groups]);
  const [first, last] = ends(lanes.flatMap(l => l.points));
  const whole = last > first ? [first, last] : [0, 1];
  const stretch = cursor.stretchOf(query) || whole;
  const asTable = tablesIn(query).includes('lanes');
  const zoom = factor => {
    const middle = cursor.at() ?? (stretch[0] + stretch[1]) / 2;
    const from = Math.max(whole[0], middle - (middle - stretch[0]) * factor);
    const to = Math.min(whole[1], middle + (stretch[1] - middle) * factor);
    if (from <= whole[0] && to >= whole[1]) {
      setQuery({ t: null });
    } else {
      cursor.setStretch(from, to);
    }
  };
  const button = (text, label, act, off) => html`<button type="button" class="small" aria-label=${label} disabled=${off}
    onClick=${act}>${text}</button>`;
  const zoomed = !!query.get('t');
  return html`<${Panel} title="The machine meanwhile" id="lanes" className="figure" figure="lanes"
    extra=${html`<div class="controls"><${InvocationSelect} n=${n} invocations=${invocations} />${groups.length > 0 && html`${button('+', 'Zoom in', () => zoom(0.5))}${
    button('−', 'Zoom out', () => zoom(2), !zoomed)}${button('Reset', 'Reset the zoom', () => setQuery({ t: null }),
    !zoomed)}<button type="button" class="small" aria-pressed=${asTable} onClick=${() => toggleTable(query, 'lanes')}
      title="T">Table</button>`}</div>`}>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${!data && !error && html`<${Loading} rows=${5} />`}
    ${data && groups.length === 0 && html`<p class="muted">No sampler ran in this invocation.</p>`}
    ${groups.length > 0 && (asTable
    ? html`<div class="as-table" tabindex="0" role="region" aria-label="Lanes, as tables"><${AsTable} groups=${groups} /></div>`
    : html`<div class="lanes">
      ${latency && html`<${Lane} lane=${latency} stretch=${stretch} height=${72} />`}
      ${groups.map(group => html`<div class="lane-group" key=${group.title}><span
        class="lane-title"><strong>${group.title}</strong><span class="muted">${group.sparse && html`<span class="glyph" aria-hidden="true">!</span>`}${group.note}</span></span></div>
        ${group.lanes.map(lane => html`<${Lane} key=${lane.key} lane=${lane} stretch=${stretch} />`)}`)}
      <${Axis} stretch=${stretch} /><${Overlay} stretch=${stretch} lanes=${lanes} steadyNs=${data.steady_ns} /></div>
      <p class="note">Grey: before and after the timed phase. Drag to zoom, Esc resets; the time-line above follows. Counters
        are shown as rates, energy as power.</p>`)}
    <${Energy} invocations=${invocations} /></${Panel}>`;
}
