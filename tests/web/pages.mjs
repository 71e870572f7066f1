// What must hold on every page, in both themes, on a desk and on a phone; and that what stands there is what
// the API says.
import * as f from '../../web/js/format.js';
import {
  accessible,
  ask,
  DESKTOP,
  drawn,
  equal,
  holds,
  openTab,
  ownErrors,
  PHONE,
  settled,
  test,
  visit,
} from './lib.mjs';

export function pagesOf(url, ids) {
  return [
    { name: 'overview', url: `${url}/`, text: 'Runs' },
    { name: 'run', url: `${url}/runs/${ids.plain}`, text: 'onnx-fp32', charts: 3 },
    {
      name: 'run with failures, invocation details',
      url: `${url}/runs/${ids.crashed}?tab=invocations&details=1&log=1`,
      text: '3 failed invocations',
      charts: 3,
    },
    {
      name: 'run with WRONG outputs, configuration',
      url: `${url}/runs/${ids.wrong}?tab=config`,
      text: 'The outputs are WRONG',
      charts: 3,
    },
    {
      name: 'run that failed, device',
      url: `${url}/runs/${ids.dead}?tab=device`,
      text: 'No invocation finished',
      charts: 0,
    },
    {
      name: 'run with K < 6, raw',
      url: `${url}/runs/${ids.few}?tab=raw`,
      text: 'no interval: K = 3, needs ≥ 6',
      charts: 3,
    },
    { name: 'run with long names', url: `${url}/runs/${ids.unicode}`, text: 'Übersetzer-模型-модель', charts: 3 },
    {
      name: 'run, charts as tables',
      url: `${url}/runs/${ids.plain}?tables=histogram,timeline,dots`,
      text: 'From (ms)',
      charts: 0,
    },
    { name: 'compare', url: `${url}/compare?a=${ids.plain}&b=${ids.slower}`, text: 'regression', charts: 1 },
    {
      name: 'compare, not comparable',
      url: `${url}/compare?a=${ids.plain}&b=${ids.elsewhere}`,
      text: 'not comparable',
      charts: 1,
    },
    { name: 'compare, choosing', url: `${url}/compare?a=${ids.plain}`, text: 'Choose B' },
    { name: 'API', url: `${url}/api`, text: 'openapi.json' },
    { name: 'missing run', url: `${url}/runs/01890000-0000-7000-8000-000000000000`, text: 'Try again', missing: true },
  ];
}

async function check(tab, row) {
  tab.clear();
  await visit(tab, row.url);
  const body = await tab.page.innerText('body');
  holds(body.includes(row.text), `“${row.text}” is not on the page`);
  equal(tab.notes.violations.join('\n'), '', 'CSP violations');
  equal((row.missing ? ownErrors(tab.notes) : tab.notes.errors).join('\n'), '', 'console errors');
  equal(tab.notes.foreign.join(' '), '', 'requests to other hosts');
  if (row.charts !== undefined) {
    await drawn(tab.page, row.charts);
  }
  const overflow = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  holds(overflow <= 0, `the page is ${overflow} px wider than the screen`);
  await accessible(tab);
}

export async function everyPage(url, ids) {
  for (const colorScheme of ['light', 'dark']) {
    for (const viewport of [DESKTOP, PHONE]) {
      const tab = await openTab({ colorScheme, viewport });
      for (const row of pagesOf(url, ids)) {
        await test(`${row.name}, ${colorScheme}, ${viewport.width} px`, () => check(tab, row));
      }
      await tab.close();
    }
  }
  await test('forced colours: overview and run pass axe', async () => {
    const tab = await openTab({ forcedColors: 'active' });
    for (const row of pagesOf(url, ids).slice(0, 2)) {
      await visit(tab, row.url);
      await accessible(tab);
    }
    await tab.close();
  });
}

// -- budgets ----------------------------------------------------------------------------------------------
export async function budgets(url, ids) {
  const rows = [
    ...pagesOf(url, ids).filter(row => !row.missing),
    { name: 'run with many samples', url: `${url}/runs/${ids.long}` },
  ];
  for (const row of rows) {
    await test(`budget: ${row.name}`, async () => {
      const tab = await openTab(); // a cache of its own: a first visit
      await visit(tab, row.url);
      const data = tab.notes.requests.filter(r => /\/api\/|openapi/.test(r.url));
      const files = tab.notes.requests.filter(r => !data.includes(r));
      const sum = list => list.reduce((total, r) => total + r.bytes, 0);
      holds(
        tab.notes.requests.length <= 8,
        `${tab.notes.requests.length} requests: ${tab.notes.requests.map(r => r.url).join('\n')}`,
      );
      holds(sum(files) <= 100_000, `${sum(files)} bytes of files, over 100,000`);
      holds(
        sum(data) <= 40_000,
        `${sum(data)} bytes of data, over 40,000: ${data.map(r => `${r.url} ${r.bytes}`).join('\n')}`,
      );
      console.log(`     ${tab.notes.requests.length} requests, ${sum(files)} B files, ${sum(data)} B data`);
      await tab.close();
    });
  }
  await test('budget: the chart module comes after the first numbers, and not at all where nothing is drawn', async () => {
    const tab = await openTab();
    await visit(tab, `${url}/`);
    equal(tab.notes.requests.filter(r => r.url.includes('/chart.')).length, 0, 'chart modules on the overview');
    await visit(tab, `${url}/runs/${ids.plain}`);
    const order = tab.notes.requests.map(r => r.url);
    holds(
      order.findIndex(u => u.includes('/chart.')) > order.findIndex(u => u.endsWith(`/api/v1/runs/${ids.plain}`)),
      'the chart module was asked for before the run',
    );
    await tab.close();
  });
}

// -- numbers ----------------------------------------------------------------------------------------------
const squeeze = text => text.replace(/\s+/g, ' ').trim();

async function headline(tab, url, id) {
  await visit(tab, `${url}/runs/${id}`);
  const { summary } = await ask(`${url}/api/v1/runs/${id}`);
  for (const [metric, e] of Object.entries(summary)) {
    if (metric === 'energy_uj_per_inference' && e.value === null) {
      equal(
        await tab.page.locator(`.headline [data-metric="${metric}"]`).count(),
        0,
        'a place for energy that is not known',
      );
      continue;
    }
    const text = squeeze(await tab.page.innerText(`.headline [data-metric="${metric}"]`));
    const { kind } = f.METRICS[metric];
    const range = f.interval(e.value, e.low, e.high, kind);
    if (e.value === null) {
      holds(text.endsWith(f.DASH), `${metric} without a value shows ${text}`);
    } else if (e.enough === false) {
      holds(text.includes('n too small'), `${metric} shows ${text}`);
    } else {
      holds(
        text.includes(f.number(e.value, kind, range ? e.high - e.low : NaN)),
        `${metric} shows ${text}, the API says ${e.value}`,
      );
      holds(text.includes(range || 'no interval: K ='), `${metric} shows ${text}, the API says [${e.low}, ${e.high}]`);
    }
  }
}

export async function numbers(url, ids, made) {
  const tab = await openTab();
  for (const name of ['plain', 'few', 'dead', 'crashed']) {
    await test(`numbers: headline of “${name}” equals the API`, () => headline(tab, url, ids[name]));
  }
  await test('numbers: P50 equals the median of P50s computed here from what was sent', async () => {
    const p50s = [...made.plain.raw.values()]
      .map(({ steady }) => [...steady].sort((a, b) => a - b)[Math.ceil(steady.length * 0.5) - 1])
      .sort((a, b) => a - b);
    const { summary } = await ask(`${url}/api/v1/runs/${ids.plain}`);
    equal(summary.p50_ns.value, (p50s[4] + p50s[5]) / 2, 'P50');
    equal(summary.p50_ns.low, p50s[1], 'lower end: second of ten');
    equal(summary.p50_ns.high, p50s[8], 'upper end: ninth of ten');
  });
  await test('numbers: the list equals the API', async () => {
    await visit(tab, `${url}/`);
    const { items } = await ask(`${url}/api/v1/runs`);
    equal(await tab.page.locator('.runs tbody tr').count(), items.length, 'rows');
    for (const row of items.slice(0, 12)) {
      const text = squeeze(await tab.page.innerText(`tr[data-id="${row.id}"]`));
      const wanted = [row.model, row.variant, row.runtime, row.device];
      if (row.p50_ns !== null) {
        wanted.push(
          f.number(row.p50_ns, 'ns', row.p50_low_ns === null ? NaN : row.p50_high_ns - row.p50_low_ns),
          f.interval(row.p50_ns, row.p50_low_ns, row.p50_high_ns, 'ns') || 'no interval',
          row.p99_enough ? f.number(row.p99_ns, 'ns') : 'n too small',
          f.number(row.throughput_per_s, 'per_s'),
          f.number(row.peak_rss_bytes, 'bytes'),
        );
      }
      wanted.forEach(part => holds(text.includes(part), `row shows “${text}”, without “${part}”`));
    }
  });
  await test('numbers: compare equals the API', async () => {
    await visit(tab, `${url}/compare?a=${ids.plain}&b=${ids.slower}`);
    const data = await ask(`${url}/api/v1/compare?a=${ids.plain}&b=${ids.slower}&delta=0.02`);
    equal(data.verdict, 'regression', 'verdict of a run that was made 8 % slower');
    for (const m of data.metrics.filter(one => one.a.value !== null)) {
      const text = squeeze(await tab.page.innerText(`[data-metric="${m.metric}"]`));
      const d = f.difference(m.ratio, m.low, m.high);
      [d.text, d.interval || '', m.verdict].forEach(part =>
        holds(text.includes(part), `${m.metric} shows “${text}”, without “${part}”`),
      );
    }
    holds((await tab.page.innerText('.verdict')).includes('sequential, not interleaved'), 'the caption is missing');
  });
  await test('numbers: the histogram as a table sums up to all samples', async () => {
    await visit(tab, `${url}/runs/${ids.plain}?tables=histogram`);
    const cells = await tab.page.locator('[data-figure=histogram] tbody tr td:nth-child(3)').allInnerTexts();
    const data = await ask(`${url}/api/v1/runs/${ids.plain}/histogram?bins=73`);
    equal(
      cells.reduce((sum, text) => sum + Number(text.replaceAll(',', '')), 0),
      data.n - data.below - data.above,
      'samples in the table',
    );
    equal(data.n, 6000, 'samples');
  });
  await test('compare: a run with WRONG outputs is not called fast without a word', async () => {
    await visit(tab, `${url}/compare?a=${ids.plain}&b=${ids.wrong}`);
    holds((await tab.page.innerText('.notice')).includes('B computed WRONG outputs'), 'no notice');
  });
  await test('the licences of the bundled packages are served', async () => {
    const text = await (await fetch(`${url}/licences.txt`)).text();
    ['preact', 'htm', 'chart.js', 'MIT License', 'Apache License'].forEach(part =>
      holds(text.includes(part), `no ${part}`),
    );
  });
  await test('names that look like markup stay text', async () => {
    await visit(tab, `${url}/runs/${ids.markup}`);
    holds((await tab.page.innerText('h1')).includes('<img src=x onerror=alert(1)>'), 'the name is not shown as it is');
    equal(await tab.page.locator('main img').count(), 0, 'images in the page');
    await visit(tab, `${url}/`);
    equal(await tab.page.locator('main img').count(), 0, 'images in the list');
    await settled(tab.page);
  });
  await tab.close();
}
