// Axes, bins and outlines that the figures of several pages share. What they draw is js/chart.js's matter.
import * as f from './format.js';
import { setQuery } from './router.js';

// about 4·∛n bins: enough to see two modes, not so many that each holds one sample
export const binsFor = n => Math.max(20, Math.min(120, Math.round(4 * Math.cbrt(n))));
export const usable = e => e && !f.absent(e.value) && e.enough !== false;

export function nsAxis(title, min, max, extra = {}) {
  const unit = f.unitOf(Math.max(Math.abs(min), Math.abs(max)), 'ns');
  return { min, max, title: `${title} (${unit.name})`, tick: (value, step) => f.tick(value, unit, step), ...extra };
}

function short(value) {
  const [divisor, letter] = value >= 1e6 ? [1e6, 'M'] : value >= 1e3 ? [1e3, 'k'] : [1, ''];
  const scaled = value / divisor;
  return f.fixed(scaled, scaled % 1 ? 1 : 0) + letter;
}

export function countAxis(title, log, top) {
  const most = log ? 1 : top; // a linear axis of few samples has no half samples
  return {
    log, title, min: log ? 0.5 : 0, max: log ? undefined : top * 1.05 || 1,
    tick: value => (!log && most > 1 && most < 5 && value % 1 ? null : short(value)),
  };
}

export function zoomOf(query) {
  const parts = /^(\d+)-(\d+)$/.exec(query.get('zoom') || '');
  return parts && Number(parts[2]) > Number(parts[1]) ? [Number(parts[1]), Number(parts[2])] : null;
}
export const setZoom = (low, high) => setQuery({ zoom: `${Math.max(0, Math.floor(low))}-${Math.ceil(high)}` });

// Centers of bins, with an empty bin at each end so that the outline closes
export function outline(histogram, value = count => count) {
  const { low_ns: low, bin_ns: bin, counts } = histogram;
  return [{ x: low - bin / 2, y: 0 }, ...counts.map((count, i) => ({ x: low + (i + 0.5) * bin, y: value(count) })),
    { x: low + (counts.length + 0.5) * bin, y: 0 }];
}

export function outside(data) {
  const parts = [];
  if (data.below > 0) {
    parts.push(`${f.number(data.below)} below`);
  }
  if (data.above > 0) {
    parts.push(`${f.number(data.above)} above`);
  }
  return parts.length ? `${parts.join(', ')} the range shown` : '';
}
