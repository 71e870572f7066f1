// Library, precision, placement, accuracy, checks, emulators: what stands on the pages of runs and of a comparison is
// what the API says. Against the daemon.
import * as f from '../../web/js/format.js';
import { accessible, ask, DESKTOP, equal, holds, openTab, PHONE, test, visit } from './lib.mjs';

const squeeze = text => text.replace(/\s+/g, ' ').trim();
const textOf = async (tab, place) => squeeze(await tab.page.innerText(place));
const includes = (text, parts) => parts.forEach(part => holds(text.includes(part), `“${part}” is not in “${text}”`));

async function facts(tab, url, ids) {
  await test('run: library, precision, placement, accuracy with interval, deployed size', async () => {
    const { run } = await ask(`${url}/api/v1/runs/${ids.coarse}`);
    holds(run.library.path === null || run.library.path === undefined, `a local path: ${run.library.path}`);
    holds(!('correct_bits' in run.accuracy), 'the bits are served');
    await visit(tab, `${url}/runs/${ids.coarse}`);
    const percent = value => f.fixed(value * 100, 2);
    const { accuracy: a } = run;
    includes(await textOf(tab, '.facts'), [
      `libopenvino_c.so 2026.4.1 ${f.shortSha('a'.repeat(64))} installed`,
      'bfloat16 the variant is float32',
      'Placement CPU',
      `${percent(a.value)} % [${percent(a.low)}..${percent(a.high)}] top-1, 9,140 of 10,000, 3 without an answer`,
      '61.5 MB model and library',
      'opset 17 <b>',
    ]);
    holds(!(await textOf(tab, '.facts')).includes('0 operators'), 'a count that was not told');
    await visit(tab, `${url}/runs/${ids.precise}`);
    const text = await textOf(tab, '.facts');
    includes(text, ['Precision float32', 'XnnpackExecutionProvider 90 operators (90 %), CPUExecutionProvider 10']);
    holds(!text.includes('the variant is'), 'fp32 and float32 are the same');
  });
  await test('run: against what outputs were held, by which rule; further checks, one of which differs', async () => {
    await visit(tab, `${url}/runs/${ids.coarse}`);
    includes(await textOf(tab, '.title-row'), ['cross-checked']);
    includes(await textOf(tab, '#verification'), [
      'against fp32 · onnxruntime', 'rule: bfloat16', 'PSNR 52.9 dB', 'same class 100.0 %', 'Further checks', 'input set 2',
      'differs', 'against fp32 · litert', '9 of 1,001 elements differ',
    ]);
  });
  await test('run: a wrong check is a WRONG run; external is said', async () => {
    await visit(tab, `${url}/runs/${ids.badcheck}`);
    includes(await textOf(tab, '.title-row'), ['WRONG']);
    includes(await textOf(tab, '#verification'), ['The outputs are WRONG', 'input set 3']);
    await visit(tab, `${url}/runs/${ids.external}`);
    includes(await textOf(tab, '.title-row'), ['external']);
  });
}

async function emulators(tab, url, ids) {
  await test('emulated: no time is shown, on the run, in the list, in a comparison; nothing is claimed', async () => {
    await visit(tab, `${url}/runs/${ids.emulated}`);
    includes(await textOf(tab, '.title-row'), ['emulated', 'untrusted']);
    includes(await textOf(tab, '.notice'), ['qemu-aarch64 computed in place of the processor']);
    for (const metric of ['p50_ns', 'throughput_per_s', 'load_ns']) {
      includes(await textOf(tab, `.headline [data-metric=${metric}]`), ['emulated']);
    }
    holds(/MB/.test(await textOf(tab, '.headline [data-metric=peak_rss_bytes]')), 'memory is a result');
    await visit(tab, `${url}/compare?a=${ids.precise}&b=${ids.emulated}`);
    includes(await textOf(tab, '.verdict'), ['inconclusive', 'B ran under an emulator (qemu-aarch64)']);
    equal(await tab.page.locator('.metrics .badge:has-text("improvement")').count(), 0, 'claims');
    holds(!/%/.test(await textOf(tab, 'tr[data-metric=p50_ns] td:nth-child(4)')), 'a ratio of times');
  });
  await test('list: sorted by P50, WRONG and emulated runs stand last, either way', async () => {
    const { items } = await ask(`${url}/api/v1/runs?model=fashion`);
    const out = row => row.verification === 'wrong' || /emulated/.test(row.trust_line);
    equal(items.filter(out).length, 2, 'runs that are not ranked');
    for (const sort of ['p50', '-p50']) {
      await visit(tab, `${url}/?model=fashion&sort=${sort}`);
      const ranked = items.filter(row => !out(row)).sort((a, b) => (sort === 'p50' ? 1 : -1) * (a.p50_ns - b.p50_ns));
      const shown = await tab.page.locator('.runs tbody tr').evaluateAll(rows => rows.map(row => row.dataset.id));
      equal(shown.slice(0, ranked.length).join(), ranked.map(row => row.id).join(), sort);
    }
    equal(await textOf(tab, `tr[data-id="${ids.emulated}"] [data-label=P50]`), 'emulated', 'its P50');
  });
}

async function comparison(tab, url, ids) {
  await test('compare: difference of accuracy with p, and the precisions where they differ', async () => {
    const { accuracy, precision } = await ask(`${url}/api/v1/compare?a=${ids.precise}&b=${ids.coarse}`);
    equal(`${accuracy.only_a} ${accuracy.only_b}`, '100 40', 'samples that one of the two got right');
    await visit(tab, `${url}/compare?a=${ids.precise}&b=${ids.coarse}`);
    includes(await textOf(tab, '#accuracy'), [
      '92.00 %', '91.40 %', `${f.MINUS}0.60 percentage points`, `p = ${f.scientific(accuracy.p)}`, 'a real difference',
    ]);
    equal(precision, 'A computed in float32, B in bfloat16', 'precisions');
    includes(await textOf(tab, '.verdict'), [precision]);
    await visit(tab, `${url}/compare?a=${ids.plain}&b=${ids.slower}`);
    equal(await tab.page.locator('#accuracy').count(), 0, 'accuracy that nobody measured');
  });
}

async function everywhere(url, ids) {
  for (const [colorScheme, viewport] of [
    ['light', DESKTOP],
    ['dark', PHONE],
  ]) {
    const tab = await openTab({ colorScheme, viewport });
    for (const path of [
      `runs/${ids.coarse}`, `runs/${ids.emulated}`, `runs/${ids.badcheck}`, `compare?a=${ids.precise}&b=${ids.coarse}`,
    ]) {
      await test(`${path.slice(0, 12)}… checked, ${colorScheme}, ${viewport.width} px: axe, width, console`, async () => {
        tab.clear();
        await visit(tab, `${url}/${path}`);
        const wider = await tab.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        holds(wider <= 0, `${wider} px wider than the screen`);
        await accessible(tab);
        equal([...tab.notes.errors, ...tab.notes.violations].join('\n'), '', 'console');
      });
    }
    await tab.close();
  }
}

export async function checked(url, ids) {
  const tab = await openTab();
  await facts(tab, url, ids);
  await emulators(tab, url, ids);
  await comparison(tab, url, ids);
  await tab.close();
  await everywhere(url, ids);
}
