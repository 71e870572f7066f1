// Trust, invocation dots, sampler lanes, operators, scenarios, pairs: what stands on the page is what the API says,
// and every piece works by mouse, by keys and as text. Against the daemon, or against the stand-in.
import * as f from '../../web/js/format.js';
import { laneOf } from '../../web/js/later/units.js';
import { accessible, ask, DESKTOP, equal, holds, openTab, PHONE, settled, test, until, visit } from './lib.mjs';

const squeeze = text => text.replace(/\s+/g, ' ').trim();
const search = tab => new URL(tab.page.url()).searchParams;
const textOf = async (tab, place) => squeeze(await tab.page.innerText(place));

// all panels that come when they are near the screen
export async function reveal(page) {
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  for (let y = 0; y < height + 4000; y += 500) {
    await page.evaluate(top => scrollTo(0, top), y);
    await page.waitForTimeout(30);
  }
  await until(() => page.evaluate(() => !document.querySelector('.waiting')), 'late panels are there');
  await settled(page);
}
async function open(tab, url) {
  await visit(tab, url);
  await reveal(tab.page);
}
async function clean(tab, what) {
  equal(tab.notes.errors.join('\n'), '', `console errors, ${what}`);
  equal(tab.notes.violations.join('\n'), '', `CSP violations, ${what}`);
  equal(await tab.page.locator('main img').count(), 0, `images, ${what}`);
}

// -- trust ------------------------------------------------------------------------------------------------
async function trust(tab, url, ids) {
  await test('trust: verdict beside every headline number, each finding with remedy, amounts and invocations', async () => {
    await visit(tab, `${url}/runs/${ids.troubled}`);
    const { trust: said, invocations } = await ask(`${url}/api/v1/runs/${ids.troubled}`);
    holds(said.findings.length > 0, 'the made-up run has no finding: nothing is tested');
    for (const place of await tab.page.locator('.headline li').all()) {
      holds(
        (await place.innerText()).includes(said.state),
        `no “${said.state}” at ${squeeze(await place.innerText())}`,
      );
      holds((await place.locator('.badge .glyph').innerText()).length > 0, 'a verdict without glyph');
    }
    const panel = await textOf(tab, '#trust');
    for (const finding of said.findings) {
      const item = await textOf(tab, `#trust [data-code="${finding.code}"]`);
      for (const part of [finding.text, finding.remedy]) {
        holds(item.toLowerCase().includes(part.toLowerCase()), `“${part}” is not in “${item}”`);
      }
      holds(/\d+ invocations?/.test(item), `no number of invocations in “${item}”`);
      if (finding.value !== null && finding.value !== undefined) {
        holds(/seen: \S|\(limit \S/.test(item), `no value in “${item}”`);
      }
    }
    if (said.unobserved.length) {
      holds(panel.toLowerCase().includes(`${said.unobserved.join(', ')} not observed`), `sources in “${panel}”`);
      equal(await tab.page.locator('#trust [title]').count(), 0, 'tooltips in the panel');
    }
    equal(
      await tab.page.locator('.title-row .badge', { hasText: 'verified' }).count(),
      1,
      'verification stands by itself',
    );
  });
  await test('trust: the badge of the title leads to the reasons; a run from before says “not assessed”', async () => {
    await tab.page.click('.title-row a:has(.badge)');
    await until(
      () =>
        tab.page.evaluate(() => {
          const { top, bottom } = document.querySelector('#trust').getBoundingClientRect();
          return top < innerHeight && bottom > 0;
        }),
      'the panel is seen',
    );
  });
}

// -- dots -------------------------------------------------------------------------------------------------
async function dots(tab, url, ids) {
  await test('dots: in the order of the experiment, Enter and a click select the invocation', async () => {
    const { page } = tab;
    await visit(tab, `${url}/runs/${ids.arm_a}?tables=dots`);
    const { invocations, run } = await ask(`${url}/api/v1/runs/${ids.arm_a}`);
    const places = await page.locator('[data-figure=dots] tbody td:nth-child(2)').allInnerTexts();
    equal(
      places.join(),
      invocations
        .map(i => i.order)
        .sort((a, b) => a - b)
        .join(),
      'places in order',
    );
    holds(
      (await textOf(tab, '.experiment')).includes(`arm ${run.experiment.arm + 1} of ${run.experiment.arms}`),
      'which arm',
    );
    await visit(tab, `${url}/runs/${ids.arm_a}`);
    await page.focus('[data-figure=dots] canvas');
    for (const key of ['Home', 'ArrowRight', 'ArrowRight', 'Enter']) {
      await page.keyboard.press(key);
    }
    await until(() => search(tab).get('inv'), 'the invocation stands in the address');
    await settled(page);
    const third = [...invocations].sort((a, b) => a.order - b.order)[2].n;
    equal(search(tab).get('inv'), String(third), 'the third in order');
    equal(await page.inputValue('[data-figure=timeline] select'), String(third), 'the time-line’s invocation');
    await page.locator('[data-figure=dots] canvas').scrollIntoViewIfNeeded();
    const box = await page.locator('[data-figure=dots] canvas').boundingBox();
    await page.mouse.click(box.x + box.width - 24, box.y + box.height / 2);
    await until(
      () => search(tab).get('inv') === String([...invocations].sort((a, b) => b.order - a.order)[0].n),
      'a click near the last dot selects it',
    );
    holds(await page.locator('[data-figure=dots] .tip').isVisible(), 'no values at the pointer');
  });
  await test('dots: the invocations that show a finding are marked and named', async () => {
    await visit(tab, `${url}/runs/${ids.troubled}?tables=dots`);
    const { trust: said, invocations } = await ask(`${url}/api/v1/runs/${ids.troubled}`);
    const limit = said.findings.find(one => one.code === 'major_faults').limit;
    const wanted = invocations
      .filter(i => i.memory_steady.major_faults > limit)
      .map(i => i.n)
      .join();
    const rows = await tab.page.locator('[data-figure=dots] tbody tr').all();
    const marked = [];
    for (const row of rows) {
      const text = squeeze(await row.innerText());
      if (text.includes('major faults')) {
        marked.push(text.split(' ')[0]);
      }
    }
    equal(marked.join(), wanted, 'marked invocations');
  });
  await test('experiment: the other arms unfold, with a way to compare', async () => {
    await visit(tab, `${url}/runs/${ids.arm_a}`);
    await tab.page.click('.experiment summary');
    await until(
      () =>
        tab.page
          .locator('.experiment tbody tr')
          .count()
          .then(n => n === 2),
      'two arms',
    );
    equal(
      await tab.page.getAttribute('.experiment a:has-text("compare")', 'href'),
      `/compare?a=${ids.arm_a}&b=${ids.arm_b}`,
      'link',
    );
  });
}

// -- lanes ------------------------------------------------------------------------------------------------
async function lanes(tab, url, ids) {
  const { page } = tab;
  await test('lanes: asked for only near the screen; as many as the API has, with units, markup as text', async () => {
    tab.clear();
    await visit(tab, `${url}/runs/${ids.troubled}`);
    equal(tab.notes.requests.filter(r => /\/lanes/.test(r.url)).length, 0, 'requests for lanes before they are near');
    await reveal(page);
    const { groups } = await ask(`${url}/api/v1/runs/${ids.troubled}/lanes`);
    const all = groups.flatMap(g => g.lanes.map(l => `${g.sampler}.${l.name}`));
    const shown = await page.locator('[data-lane]').evaluateAll(list => list.map(e => e.dataset.lane));
    equal(shown.join(' '), ['latency', ...all].join(' '), 'lanes');
    const value = key => textOf(tab, `[data-lane="${key}"] .lane-value`);
    holds(/^[\d.]+ GHz to [\d.]+ GHz$/.test(await value('freq.busy_khz')), await value('freq.busy_khz'));
    holds(/°C/.test(await value('thermal.max_mc')), await value('thermal.max_mc'));
    holds(/ W to /.test(await value('rapl.package_0')), await value('rapl.package_0'));
    holds(/ %/.test(await value('proc.process_cpu_ns')), await value('proc.process_cpu_ns'));
    holds((await textOf(tab, '.lanes')).includes('<img src=x onerror=alert(1)>'), 'the odd name is not shown as it is');
    await clean(tab, 'lanes');
  });
  await test('lanes: one cursor for all and for the time-line; keys speak the values', async () => {
    const layer = page.locator('.lane-layer');
    await layer.scrollIntoViewIfNeeded();
    const before = await textOf(tab, '[data-lane="freq.busy_khz"] .lane-value');
    const box = await layer.boundingBox();
    await page.mouse.move(box.x + box.width / 2, box.y + 40);
    await until(
      () =>
        page
          .locator('.lane-cursor')
          .count()
          .then(n => n === 1),
      'the cursor',
    );
    holds(
      (await textOf(tab, '[data-lane="freq.busy_khz"] .lane-value')) !== before,
      'the lane shows no value at the cursor',
    );
    await page.mouse.move(5, 5);
    await until(
      () =>
        page
          .locator('.lane-cursor')
          .count()
          .then(n => n === 0),
      'no cursor when the pointer left',
    );
    await layer.focus();
    await page.keyboard.press('Home');
    await page.keyboard.press('ArrowRight');
    const text = await layer.getAttribute('aria-valuetext');
    holds(/busy [\d.]+ GHz/.test(text) && /ms: latency/.test(text), `spoken: ${text}`);
    await page.evaluate(() => document.activeElement.blur());
    await page.locator('[data-figure=timeline] canvas').scrollIntoViewIfNeeded();
    const pixels = () => page.evaluate(() => document.querySelector('[data-figure=timeline] canvas').toDataURL());
    const still = await pixels();
    const line = await page.locator('[data-figure=timeline] canvas').boundingBox();
    await page.mouse.move(line.x + line.width / 2, line.y + line.height / 2);
    await until(
      () =>
        page
          .locator('.lane-cursor')
          .count()
          .then(n => n === 1),
      'the lanes follow the time-line’s pointer',
    );
    holds((await pixels()) !== still, 'no cursor in the time-line');
    await page.mouse.move(5, 5);
  });
  await test('lanes: dragging zooms lanes and time-line, Esc resets, buttons do the same', async () => {
    const layer = page.locator('.lane-layer');
    await layer.scrollIntoViewIfNeeded();
    const box = await layer.boundingBox();
    await page.mouse.move(box.x + box.width * 0.5, box.y + 60);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.7, box.y + 60, { steps: 4 });
    await page.mouse.up();
    await until(() => /^-?\d+_-?\d+$/.test(search(tab).get('t') || ''), 'the stretch stands in the address');
    const [from, to] = search(tab).get('t').split('_').map(Number);
    holds(
      Number(await layer.getAttribute('aria-valuemin')) === Math.round(from / 1e6) &&
        Number(await layer.getAttribute('aria-valuemax')) === Math.round(to / 1e6),
      'the axis is the stretch',
    );
    await page.evaluate(() => document.activeElement.blur());
    await page.keyboard.press('Escape');
    equal(search(tab).get('t'), null, 'after Esc');
    await page.click('#lanes button[aria-label="Zoom in"]');
    const [a, b] = search(tab).get('t').split('_').map(Number);
    holds(b - a > 0, 'zoomed by the button');
    await page.click('#lanes button[aria-label="Zoom out"]');
    equal(search(tab).get('t'), null, 'zoomed out to all');
  });
  await test('lanes: as tables; at phase ends only it says so; energy gross and net with its coverage', async () => {
    await page.click('#lanes button:has-text("Table")');
    equal(search(tab).get('tables'), 'lanes', 'address');
    holds((await page.locator('#lanes .as-table tbody tr').count()) > 20, 'rows');
    const energy = await textOf(tab, '[data-energy]');
    holds(/package_0 counted/.test(energy) && /J/.test(energy), energy);
    await open(tab, `${url}/runs/${ids.sparse}`);
    holds((await textOf(tab, '.lanes')).includes('at the ends of phases only'), 'sparse is not marked');
    await clean(tab, 'sparse lanes');
  });
}

async function units() {
  const lane = (name, unit, kind, values) => ({ name, unit, kind, scope: 'host', values });
  const shown = (l, times) =>
    laneOf(l, times, 's')
      .points.map(p => laneOf(l, times, 's').show(p.y))
      .join(' | ');
  await test('lanes: units as people read them; absent stays absent; no rate over less than 20 ms', () => {
    const t = [0, 1e9, 2e9];
    equal(shown(lane('busy_khz', 'kHz', 'gauge', [3_400_000, null, 800_000]), t), '3.40 GHz | – | 800 MHz', 'clock');
    equal(shown(lane('max_mc', 'mC', 'gauge', [46_000, 51_250, 0]), t), '46.0 °C | 51.3 °C | 0.0 °C', 'temperature');
    equal(shown(lane('load_milli', 'count', 'gauge', [8770, 500, 0]), t), '8.77 | 0.50 | 0.00', 'load');
    equal(shown(lane('package', 'uJ', 'energy', [5, 14_200_005, 14_200_005]), t), '14.20 W | 0.00 W', 'power');
    equal(shown(lane('cpu_ns', 'ns', 'counter', [0, 985e6, null]), t), '99 % | –', 'CPU time');
    equal(shown(lane('psi_cpu_some_us', 'us', 'counter', [7, 10_007, 30_007]), t), '1.0 % | 2.0 %', 'pressure');
    equal(shown(lane('page_faults', 'count', 'counter', [0, 12, 2_400_012]), t), '12 /s | 2.40 M/s', 'faults');
    equal(shown(lane('new_thing', 'furlong', 'gauge', [1, 2000, 3]), t), '1 | 2.00 k | 3', 'a unit nobody knows');
    equal(
      shown(lane('busy_ns', 'ns', 'counter', [0, 1e7, 2e7, 1e9]), [0, 1e5, 2e5, 1e9]),
      '100 %',
      'reads close together',
    );
  });
}

// -- operators --------------------------------------------------------------------------------------------
async function operators(tab, url, ids) {
  const { page } = tab;
  const first = () => page.innerText('.ops tbody tr:first-child th .mono');
  await test('operators: longest first, the remainder last, sorting stands in the address, names stay text', async () => {
    await open(tab, `${url}/runs/${ids.arm_a}`);
    const { profile } = await ask(`${url}/api/v1/runs/${ids.arm_a}/ops`);
    equal(await first(), profile.ops[0].name, 'the first operator');
    const rest = await textOf(tab, '.ops tr.rest');
    holds(rest.includes('unattributed') && rest.includes(f.number(profile.unattributed_ns, 'ns')), rest);
    holds(
      (await textOf(tab, '#ops')).includes(`×${f.fixed(profile.perturbation, 2)} of P50`),
      'the perturbation factor',
    );
    equal(await page.locator('#ops .notice').count(), 0, '“distorted” of a light profiler');
    await page.click('#ops button:has-text("Show all")');
    equal(await page.locator('.ops tbody tr').count(), profile.ops.length + 1, 'all rows and the remainder');
    holds((await page.innerText('.ops')).includes('<b>block_7</b>/conv'), 'the odd name');
    await page.click('.ops th button:has-text("Operator")');
    equal(search(tab).get('ops'), 'name', 'sort in the address');
    equal(await page.getAttribute('.ops th:first-child', 'aria-sort'), 'ascending', 'aria-sort');
    equal(
      await first(),
      [...profile.ops].sort((a, b) => (a.name.toLowerCase() < b.name.toLowerCase() ? -1 : 1))[0].name,
      'by name',
    );
    const outside = profile.ops.filter(op => op.provider.startsWith('CPU')).length;
    equal(await page.locator('.ops tr.fallback').count(), outside, 'fallbacks marked');
    await page.click('#ops button:has-text("by type")');
    equal(search(tab).get('by'), 'type', 'grouping in the address');
    equal(await page.getAttribute('#ops a[download]', 'href'), `/api/v1/runs/${ids.arm_a}/ops`, 'export');
    await clean(tab, 'operators');
  });
  await test('operators: above 1.10 it says distorted', async () => {
    await open(tab, `${url}/runs/${ids.arm_b}`);
    holds((await textOf(tab, '#ops .notice')).includes('distorted'), 'no word of it');
  });
}

// -- scenarios --------------------------------------------------------------------------------------------
async function scenarios(tab, url, ids) {
  for (const [name, figure, words] of [
    ['server', 'windows', ['Offered', 'Achieved', 'P99 from the intended start', 'Generator late, P99']],
    ['paced', 'windows', ['Period', 'Missed deadlines']],
    ['sustained', 'windows', ['Last minute, P50', 'Knee']],
    ['capacity', 'rates', ['Highest rate that held', 'Lowest rate that failed', 'P99 ≤ 10.0 ms']],
  ]) {
    await test(`scenario ${name}: figures, validity and the drawing with its table`, async () => {
      await open(tab, `${url}/runs/${ids[name]}`);
      const facts = await textOf(tab, '#scenario-facts');
      const { scenario, run } = await ask(`${url}/api/v1/runs/${ids[name]}`);
      words.forEach(word => holds(facts.includes(word), `“${word}” is not in “${facts}”`));
      if (scenario && scenario.valid !== null) {
        holds(facts.includes(scenario.valid ? 'valid' : 'INVALID'), `validity in “${facts}”`);
      }
      if (scenario?.rate_per_s) {
        holds(facts.includes(f.number(scenario.achieved_per_s, 'per_s')), 'the rate that was achieved');
      }
      await tab.page.locator(`[data-figure=${figure}] button:has-text("Table")`).click();
      const rows = await tab.page.locator(`[data-figure=${figure}] tbody tr`).count();
      equal(
        rows,
        figure === 'rates'
          ? run.capacity.rates.length
          : (await ask(`${url}/api/v1/runs/${ids[name]}/windows`)).t_ns.length,
        'rows of the table',
      );
      await clean(tab, name);
    });
  }
}

// -- compare and list -------------------------------------------------------------------------------------
async function pairs(tab, url, ids) {
  await test('compare: interleaved says so with its pairs, each pair is a dot, trust on both sides', async () => {
    await open(tab, `${url}/compare?a=${ids.arm_a}&b=${ids.arm_b}`);
    const data = await ask(`${url}/api/v1/compare?a=${ids.arm_a}&b=${ids.arm_b}&delta=0.02`);
    equal(data.interleaved, true, 'interleaved');
    holds((await textOf(tab, '.verdict')).includes(`interleaved, ${data.pairs} pairs`), await textOf(tab, '.verdict'));
    for (const key of ['a', 'b']) {
      holds((await textOf(tab, `.side.${key}`)).includes(data[key].trust), `trust of ${key}`);
    }
    for (const m of data.metrics.filter(
      one => ['equivalent', 'inconclusive'].includes(one.verdict) && one.detectable,
    )) {
      holds(
        (await textOf(tab, `tr[data-metric="${m.metric}"]`)).includes('would have been seen'),
        `detectable of ${m.metric}`,
      );
    }
    await tab.page.click('[data-figure=pairs] button:has-text("Table")');
    equal(await tab.page.locator('[data-figure=pairs] tbody tr').count(), data.pairs, 'pairs');
    await clean(tab, 'pairs');
  });
}

async function list(tab, url, ids) {
  await test('list: trust unfolds to its line, filters; an experiment is a link; the scenario is named', async () => {
    const { page } = tab;
    const { items } = await ask(`${url}/api/v1/runs?trust=untrusted`);
    holds(
      items.some(row => row.id === ids.troubled),
      'the API filters by trust',
    );
    await visit(tab, `${url}/`);
    await page.click(`tr[data-id="${ids.troubled}"] .why summary`);
    holds(
      (await textOf(tab, `tr[data-id="${ids.troubled}"] .why`)).includes(
        items.find(r => r.id === ids.troubled).trust_line,
      ),
      'the line',
    );
    holds((await textOf(tab, `tr[data-id="${ids.server}"]`)).includes('server'), 'the scenario');
    await page.click(`tr[data-id="${ids.arm_a}"] a:has-text("interleaved")`);
    await until(
      () =>
        page
          .locator('.runs tbody tr')
          .count()
          .then(n => n === 2),
      'two arms',
    );
    await visit(tab, `${url}/?trust=untrusted`);
    equal(await page.inputValue('select[name=trust]'), 'untrusted', 'the facet');
    equal(await page.locator('.runs tbody tr').count(), items.length, 'rows');
  });
}

// -- on every screen --------------------------------------------------------------------------------------
async function everywhere(url, ids) {
  const pages = [
    ['troubled', ''],
    ['arm_a', ''],
    ['capacity', '?tab=invocations&details=1'],
    ['sustained', '?tables=lanes,windows'],
    ['sparse', '?t=0_500000000'],
  ];
  for (const [colorScheme, viewport] of [
    ['light', DESKTOP],
    ['dark', PHONE],
  ]) {
    const tab = await openTab({ colorScheme, viewport });
    for (const [name, query] of pages) {
      await test(`all panels of ${name}, ${colorScheme}, ${viewport.width} px: axe, width, console`, async () => {
        tab.clear();
        await open(tab, `${url}/runs/${ids[name]}${query}`);
        holds(
          (await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0,
          'wider than the screen',
        );
        await accessible(tab);
        await clean(tab, name);
      });
    }
    await test(`compare with pairs, ${colorScheme}, ${viewport.width} px: axe, width`, async () => {
      await open(tab, `${url}/compare?a=${ids.arm_a}&b=${ids.arm_b}`);
      holds(
        (await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth)) <= 0,
        'wider than the screen',
      );
      await accessible(tab);
    });
    await tab.close();
  }
}

async function paper(url, ids) {
  await test('paper: lanes and operators fit and need no second page for a line', async () => {
    const tab = await openTab({ colorScheme: 'dark', viewport: { width: 718, height: 1000 } });
    await open(tab, `${url}/runs/${ids.arm_b}`);
    await tab.page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await tab.page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    equal(await tab.page.evaluate(() => document.documentElement.scrollWidth), 718, 'width on paper');
    equal(await tab.page.locator('.lane-drawing').first().isVisible(), true, 'lanes on paper');
    const pdf = await tab.page.pdf({ format: 'A4' });
    holds(pdf.length > 30_000, `a PDF of ${pdf.length} bytes`);
    await tab.close();
  });
  await test('a lane zoomed into is asked for anew: more of it is seen', async () => {
    const tab = await openTab();
    await visit(tab, `${url}/runs/${ids.sustained}?t=1000000000_2000000000`);
    holds(
      tab.notes.requests.some(r => /samples\?.*from=1000000000&to=2000000000/.test(r.url)),
      'no request for the stretch',
    );
    await reveal(tab.page);
    equal(await tab.page.getAttribute('.lane-layer', 'aria-valuemin'), '1000', 'begin of the axis, ms');
    await tab.close();
  });
}

async function budget(url, ids) {
  for (const path of [
    `/runs/${ids.arm_a}`,
    `/runs/${ids.sustained}`,
    `/runs/${ids.capacity}`,
    `/compare?a=${ids.arm_a}&b=${ids.arm_b}`,
  ]) {
    await test(`budget: ${path.replace(/[0-9a-f-]{36}/g, 'ID')}`, async () => {
      const tab = await openTab();
      await visit(tab, url + path);
      const files = tab.notes.requests.filter(r => !/\/api\//.test(r.url)).reduce((sum, r) => sum + r.bytes, 0);
      holds(
        tab.notes.requests.length <= 8,
        `${tab.notes.requests.length} requests: ${tab.notes.requests.map(r => r.url).join('\n')}`,
      );
      console.log(`     ${tab.notes.requests.length} requests, ${files} B files before scrolling`);
      await tab.close();
    });
  }
}

export async function measure(url, ids, only = null) {
  const reply = await fetch(`${url}/api/v1/runs/${ids.arm_a}/lanes`);
  if (reply.status === 404) {
    await test('trust, lanes, operators, scenarios', () => 'this daemon does not serve them');
    return;
  }
  const tab = await openTab();
  await units();
  for (const part of [trust, dots, lanes, operators, scenarios, pairs, list]) {
    if (!only || only.includes(part.name)) {
      await part(tab, url, ids);
    }
  }
  await tab.close();
  if (!only) {
    await everywhere(url, ids);
    await paper(url, ids);
    await budget(url, ids);
  }
}
