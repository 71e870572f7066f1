// The drawing: the only file that knows Chart.js. Built as a module of its own that pages load after their
// tables. It draws what a spec says and knows nothing of runs:
//   x, y     { log, min, max, title, tick(value, step) }
//   series   [{ kind: 'area'|'line'|'points'|'band', step, color, shape, radius, data: [{ x, y, low?, high? }] }]
//   rules    [{ axis: 'x'|'y', value, text, color, low, high, strip }]   a line, with its interval as a band or strip
//   shades   [{ from, to, text }]                                 a stretch of the x axis
//   tip(series, index) -> [lines]; onZoom(from, to); onPick(series, index); onPoint(x or null): the pointer moved
// Colours are names of CSS custom properties (--chart-<name>) and are read again when the theme changes.
import {
  Chart,
  LinearScale,
  LineController,
  LineElement,
  LogarithmicScale,
  PointElement,
  ScatterController,
} from 'chart.js';

Chart.register(LinearScale, LineController, LineElement, LogarithmicScale, PointElement, ScatterController);

const live = new Set();
let probe = null;

function css(name) {
  if (!probe) {
    probe = document.createElement('span');
    probe.hidden = true;
    document.body.append(probe);
  }
  probe.style.color = `var(--${name})`;
  return getComputedStyle(probe).color;
}
const color = name => css(`chart-${name}`);

function font(size = 12) {
  return { family: getComputedStyle(document.body).fontFamily, size };
}

// Chart.js has plug-ins for fills and tooltips; these few lines do what is needed here and spare 7 kB of each load.
// -- our own layers: fills, shades, rules with their bands, whiskers, the zoom rectangle -----------------
function trace(ctx, points, step) {
  points.forEach((p, i) => {
    if (step && i) {
      const middle = (points[i - 1].x + p.x) / 2;
      ctx.lineTo(middle, points[i - 1].y);
      ctx.lineTo(middle, p.y);
    }
    ctx.lineTo(p.x, p.y);
  });
}

// an area down to the axis, or a band between a series and the next
function drawFills(ctx, chart, spec) {
  const { chartArea: area } = chart;
  ctx.beginPath();
  ctx.rect(area.left, area.top, area.right - area.left, area.bottom - area.top);
  ctx.clip();
  spec.series.forEach((series, i) => {
    const points = chart.getDatasetMeta(i).data;
    if (points.length === 0 || !(series.kind === 'area' || series.filled)) {
      return;
    }
    ctx.fillStyle = color(`${series.color}-fill`);
    ctx.beginPath();
    trace(ctx, points, series.step);
    if (series.filled) {
      trace(ctx, [...chart.getDatasetMeta(i + 1).data].reverse());
    } else {
      ctx.lineTo(points.at(-1).x, area.bottom);
      ctx.lineTo(points[0].x, area.bottom);
    }
    ctx.fill();
  });
}

function drawShades(ctx, area, x, shades) {
  for (const shade of shades) {
    const from = Math.max(area.left, x.getPixelForValue(shade.from));
    const to = Math.min(area.right, x.getPixelForValue(shade.to));
    if (to <= from) {
      continue;
    }
    ctx.fillStyle = color('shade');
    ctx.fillRect(from, area.top, to - from, area.bottom - area.top);
    ctx.fillStyle = color('muted');
    ctx.textAlign = 'left';
    ctx.font = `11px ${font().family}`;
    if (ctx.measureText(shade.text).width < to - from - 8) {
      ctx.fillText(shade.text, from + 5, area.bottom - 7);
    }
  }
}

function drawBands(ctx, area, scales, rules) {
  for (const rule of rules) {
    if (rule.low === null || rule.low === undefined || Number.isNaN(rule.low)) {
      continue;
    }
    const scale = scales[rule.axis];
    const a = scale.getPixelForValue(rule.low);
    const b = scale.getPixelForValue(rule.high);
    ctx.fillStyle = color(`${rule.color}-band`);
    if (rule.axis === 'x') {
      const from = Math.max(area.left, a);
      const width = Math.min(area.right, b) - from;
      if (width <= 0) {
        continue;
      }
      // an interval that would bury the bars, or another interval, is a strip on top, one below the other
      const strip = rule.strip === undefined ? null : area.top + rule.strip * 9;
      ctx.fillRect(from, strip ?? area.top, Math.max(1, width), strip ? 7 : area.bottom - area.top);
    } else {
      const top = Math.max(area.top, b);
      ctx.fillRect(area.left, top, area.right - area.left, Math.max(1, Math.min(area.bottom, a) - top));
    }
  }
}

// Labels of x rules stand in rows above the plot: each in the first row where it overlaps no other.
function drawRules(ctx, area, scales, rules) {
  const ends = [];
  ctx.font = `600 11px ${font().family}`;
  for (const rule of [...rules].sort((p, q) => p.value - q.value)) {
    const at = scales[rule.axis].getPixelForValue(rule.value);
    const across = rule.axis === 'x';
    if (across ? at < area.left - 1 || at > area.right + 1 : at < area.top || at > area.bottom) {
      continue;
    }
    ctx.strokeStyle = color(rule.color);
    ctx.lineWidth = 1.5;
    ctx.setLineDash(rule.dash || []);
    ctx.beginPath();
    if (across) {
      const width = ctx.measureText(rule.text).width;
      const left = Math.max(area.left, Math.min(at - width / 2, area.right - width));
      let row = ends.findIndex(end => left > end + 8);
      row = row < 0 ? ends.length : row;
      ends[row] = left + width;
      const y = area.top - 6 - row * 14;
      ctx.moveTo(at, area.bottom);
      ctx.lineTo(at, Math.max(y + 3, area.top - 2 - row * 14));
      ctx.fillStyle = color(rule.color);
      ctx.textAlign = 'left';
      ctx.fillText(rule.text, left, y);
    } else {
      ctx.moveTo(area.left, at);
      ctx.lineTo(area.right, at);
      if (rule.text) {
        ctx.fillStyle = color(rule.color);
        ctx.textAlign = 'right';
        ctx.fillText(rule.text, area.right - 4, at - 5);
      }
    }
    ctx.stroke();
    ctx.setLineDash([]);
  }
}

function drawWhiskers(ctx, chart, spec) {
  spec.series.forEach((series, i) => {
    if (!series.whiskers) {
      return;
    }
    ctx.strokeStyle = color(series.color);
    ctx.lineWidth = 1.5;
    for (const point of series.data) {
      if (point.low === null || point.low === undefined || chart.data.datasets[i].hidden) {
        continue;
      }
      const x = chart.scales.x.getPixelForValue(point.x);
      const low = chart.scales.y.getPixelForValue(point.low);
      const high = chart.scales.y.getPixelForValue(point.high);
      ctx.beginPath();
      ctx.moveTo(x, low);
      ctx.lineTo(x, high);
      ctx.moveTo(x - 3, low);
      ctx.lineTo(x + 3, low);
      ctx.moveTo(x - 3, high);
      ctx.lineTo(x + 3, high);
      ctx.stroke();
    }
  });
}

function layers(state) {
  return {
    id: 'layers',
    beforeDatasetsDraw(chart) {
      const { ctx, chartArea: area, scales } = chart;
      ctx.save();
      drawShades(ctx, area, scales.x, state.spec.shades || []);
      ctx.save();
      drawFills(ctx, chart, state.spec);
      ctx.restore();
      drawBands(ctx, area, scales, state.spec.rules || []);
      ctx.restore();
    },
    afterDatasetsDraw(chart) {
      const { ctx, chartArea: area, scales } = chart;
      ctx.save();
      drawWhiskers(ctx, chart, state.spec);
      drawRules(ctx, area, scales, state.spec.rules || []);
      if (state.cursor !== null && state.cursor >= scales.x.min && state.cursor <= scales.x.max) {
        const x = scales.x.getPixelForValue(state.cursor);
        ctx.strokeStyle = color('muted');
        ctx.lineWidth = 1;
        ctx.beginPath();
        ctx.moveTo(x, area.top);
        ctx.lineTo(x, area.bottom);
        ctx.stroke();
      }
      if (state.drag) {
        const [from, to] = [Math.min(...state.drag), Math.max(...state.drag)];
        ctx.fillStyle = color('shade');
        ctx.fillRect(from, area.top, to - from, area.bottom - area.top);
        ctx.strokeStyle = color('rule');
        ctx.strokeRect(from, area.top, to - from, area.bottom - area.top);
      }
      ctx.restore();
    },
  };
}

// -- spec to Chart.js -----------------------------------------------------------------------------
function dataset(series, y) {
  const paint = color(series.color);
  const floor = y.log ? y.min : 0;
  const data = y.log ? series.data.map(p => ({ ...p, y: Math.max(p.y, floor) })) : series.data;
  const points = series.kind === 'points';
  return {
    type: points ? 'scatter' : 'line',
    data,
    stepped: series.step ? 'middle' : false,
    borderColor: series.kind === 'band' ? 'transparent' : paint,
    borderWidth: series.width ?? (series.kind === 'area' ? 1.25 : 1.5),
    backgroundColor: series.hollow ? css('surface') : paint,
    pointRadius: series.radius ?? (points ? 4.5 : series.dots ? 2.5 : 0),
    pointHoverRadius: series.radius ?? (points ? 6 : 4),
    pointStyle: series.shape || 'circle',
    pointHitRadius: 8,
    pointBorderColor: paint,
    pointBorderWidth: 1.5,
    pointBackgroundColor: points && series.hollow ? css('surface') : paint,
    order: series.order ?? 0,
  };
}

function scale(axis, side) {
  return {
    type: axis.log ? 'logarithmic' : 'linear',
    min: axis.min,
    max: axis.max,
    border: { color: color('grid-strong') },
    grid: { color: side === 'x' ? 'transparent' : color('grid'), tickColor: color('grid-strong'), tickLength: 4 },
    title: { display: !!axis.title, text: axis.title, color: color('muted'), font: font(11) },
    ticks: {
      color: color('ink'),
      font: font(11),
      minRotation: 0,
      maxRotation: 0,
      autoSkipPadding: 14,
      maxTicksLimit: axis.ticks || (side === 'x' ? 9 : 6),
      includeBounds: false,
      callback(value, index, ticks) {
        if (axis.log && Math.abs(Math.log10(value) % 1) > 1e-9) {
          return null; // on a log scale only the powers of ten are named
        }
        const step = axis.log ? value : Math.abs((ticks[1]?.value ?? value) - ticks[0].value) || 1;
        return axis.tick(value, step);
      },
    },
  };
}

function options(state) {
  const { spec } = state;
  const rows = (spec.rules || []).filter(rule => rule.axis === 'x').length;
  return {
    animation: false,
    parsing: false,
    normalized: true,
    responsive: true,
    maintainAspectRatio: false,
    layout: { padding: { top: rows ? 8 + 14 * Math.min(rows, 3) : 6, right: 10 } },
    interaction: { mode: 'nearest', axis: 'x', intersect: false },
    onHover: (event, hit) => showTip(state, hit[0]),
    onClick: (event, hit) => hit.length && spec.onPick?.(hit[0].datasetIndex, hit[0].index),
    scales: { x: scale(spec.x, 'x'), y: scale(spec.y, 'y') },
  };
}

function apply(state) {
  const { chart, spec } = state;
  showTip(state, null);
  chart.data.datasets = spec.series.map(series => dataset(series, spec.y));
  chart.options = options(state);
  chart.update('none');
}

// the lines about one point, beside it on the side where there is room; the live region has them for who cannot see
function showTip(state, hit) {
  const { tip, chart, spec } = state;
  tip.hidden = !hit;
  if (hit) {
    const { x, y } = chart.getDatasetMeta(hit.datasetIndex).data[hit.index];
    tip.replaceChildren(
      ...spec.tip(hit.datasetIndex, hit.index).map(line => {
        const row = document.createElement('div');
        row.textContent = line;
        return row;
      }),
    );
    const left = x > chart.width / 2;
    tip.style.left = left ? '' : `${x + 10}px`;
    tip.style.right = left ? `${chart.width - x + 10}px` : '';
    tip.style.top = `${Math.max(0, Math.min(y - 12, chart.height - tip.offsetHeight))}px`;
  }
}

function dragZoom(canvas, state) {
  const inside = event => {
    const { left, right } = state.chart.chartArea;
    return Math.max(left, Math.min(right, event.offsetX));
  };
  canvas.addEventListener('pointerdown', event => {
    if (state.spec.onZoom && event.button === 0 && event.pointerType === 'mouse') {
      state.drag = [inside(event), inside(event)];
      canvas.setPointerCapture(event.pointerId);
    }
  });
  canvas.addEventListener('pointerleave', () => {
    showTip(state, null);
    state.spec.onPoint?.(null);
  });
  canvas.addEventListener('pointermove', event => {
    state.spec.onPoint?.(state.chart.scales.x.getValueForPixel(inside(event)));
    if (state.drag) {
      state.drag[1] = inside(event);
      state.chart.draw();
    }
  });
  canvas.addEventListener('pointerup', () => {
    const drag = state.drag;
    state.drag = null;
    if (drag && Math.abs(drag[1] - drag[0]) > 8) {
      const [from, to] = drag.map(px => state.chart.scales.x.getValueForPixel(px)).sort((p, q) => p - q);
      state.spec.onZoom(from, to);
    } else if (drag) {
      state.chart.draw();
    }
  });
}

export function create(canvas, spec) {
  const state = { spec, drag: null, chart: null, cursor: null, tip: document.createElement('div') };
  Object.assign(state.tip, { className: 'tip', hidden: true, ariaHidden: 'true' });
  canvas.after(state.tip);
  state.chart = new Chart(canvas, {
    type: 'line',
    data: { datasets: spec.series.map(series => dataset(series, spec.y)) },
    options: options(state),
    plugins: [layers(state)],
  });
  dragZoom(canvas, state);
  live.add(state);
  return {
    update(next) {
      state.spec = next;
      apply(state);
    },
    point([datasetIndex, index]) {
      const element = state.chart.getDatasetMeta(datasetIndex).data[index];
      if (element) {
        state.chart.setActiveElements([{ datasetIndex, index }]);
        state.chart.draw();
        showTip(state, { datasetIndex, index });
      }
    },
    cursor(x) {
      state.cursor = x;
      state.chart.draw();
    },
    destroy() {
      live.delete(state);
      state.tip.remove();
      state.chart.destroy();
    },
  };
}

// -- theme and paper ------------------------------------------------------------------------------
const restyle = () => live.forEach(apply);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', restyle);
addEventListener('inferometer-theme', restyle);
addEventListener('beforeprint', () => {
  document.documentElement.dataset.printing = 'yes';
  restyle();
  live.forEach(state => state.chart.resize(640, 240)); // resize() alone keeps the screen's size
});
addEventListener('afterprint', () => {
  delete document.documentElement.dataset.printing;
  live.forEach(state => state.chart.resize());
  restyle();
});
