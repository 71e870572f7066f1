// What a user does: keys, filters, Back, zoom, selection, new runs while reading, paper.
import { DESKTOP, equal, holds, openTab, ownErrors, PHONE, push, settled, test, until, visit } from './lib.mjs';

const search = tab => new URL(tab.page.url()).searchParams;
const press = async (tab, ...keys) => {
  for (const key of keys) {
    await tab.page.keyboard.press(key);
  }
  await settled(tab.page);
};

async function keyboard(url, ids) {
  await test('keyboard: list, select two, compare, swap, help, back to the list', async () => {
    const tab = await openTab();
    const { page } = tab;
    await visit(tab, `${url}/`);
    await press(tab, 'j', 'x', 'j', 'x');
    equal(search(tab).get('sel').split(',').length, 2, 'selected runs');
    equal(await page.locator('tr.picked').count(), 2, 'marked rows');
    await press(tab, 'c');
    holds(page.url().includes('/compare?a='), `after c: ${page.url()}`);
    const [a, b] = [search(tab).get('a'), search(tab).get('b')];
    await press(tab, 's');
    equal(search(tab).get('a'), b, 'A after the swap');
    equal(search(tab).get('b'), a, 'B after the swap');
    await press(tab, '?');
    holds(await page.locator('dialog[open]').isVisible(), 'the help is not open');
    await press(tab, 'Escape', 'g', 'o');
    equal(new URL(page.url()).pathname, '/', 'page after g o');
    equal(await page.evaluate(() => document.activeElement.tagName), 'H1', 'focus after the change of page');
    await press(tab, 'j', 'j', 'k', 'Enter');
    holds(/\/runs\/[0-9a-f-]{36}$/.test(page.url()), `Enter on the first row: ${page.url()}`);
    await press(tab, 'c');
    holds(page.url().includes('/compare?a='), `c on a run: ${page.url()}`);
    equal(ownErrors(tab.notes).join(), '', 'console errors');
    await tab.close();
  });
  await test('keyboard: T makes tables of the charts, arrows speak the points, Tab reaches everything visible', async () => {
    const tab = await openTab();
    const { page } = tab;
    await visit(tab, `${url}/runs/${ids.plain}`);
    await page.focus('[data-figure=histogram] canvas');
    await press(tab, 'ArrowRight', 'ArrowRight', 'End');
    await until(
      () => page.evaluate(() => /samples?$/.test(document.getElementById('live').textContent)),
      'the value is spoken',
    );
    await press(tab, 'T');
    equal(search(tab).get('tables'), 'histogram', 'T on a focused chart');
    await page.evaluate(() => document.activeElement.blur());
    await press(tab, 'T');
    equal(search(tab).get('tables'), null, 'T again');
    await press(tab, 'T');
    equal(search(tab).get('tables'), 'histogram,timeline,dots', 'T with no chart focused');
    equal(await page.locator('canvas').count(), 0, 'charts left');
    await visit(tab, `${url}/`);
    await page.keyboard.press('Tab');
    equal(await page.evaluate(() => document.activeElement.textContent), 'Skip to the content', 'first stop of Tab');
    await page.keyboard.press('Enter');
    equal(await page.evaluate(() => document.activeElement.id), 'main', 'where the skip link leads');
    await tab.close();
  });
  await test('keyboard: letters in a field are letters, and the keys can be switched off', async () => {
    const tab = await openTab();
    const { page } = tab;
    await visit(tab, `${url}/`);
    await page.keyboard.press('/');
    await page.keyboard.type('jxc?');
    equal(await page.inputValue('#search'), 'jxc?', 'typed text');
    equal(await page.locator('dialog[open]').count(), 0, 'open dialogs');
    await visit(tab, `${url}/`);
    await press(tab, '?');
    await page.locator('dialog input[type=checkbox]').uncheck();
    await press(tab, 'Escape', '?');
    equal(await page.locator('dialog[open]').count(), 0, 'open dialogs after switching the keys off');
    await tab.close();
  });
}

async function address(url, ids) {
  await test('address: a facet is one step in the history, Back undoes it', async () => {
    const tab = await openTab();
    const { page } = tab;
    await visit(tab, `${url}/`);
    const all = await page.locator('.runs tbody tr').count();
    await page.selectOption('select[name=verification]', 'wrong');
    await until(
      () =>
        page
          .locator('.runs tbody tr')
          .count()
          .then(n => n === 2),
      'the two WRONG runs',
    );
    equal(page.url(), `${url}/?verification=wrong`, 'address');
    await page.goBack();
    await until(
      () =>
        page
          .locator('.runs tbody tr')
          .count()
          .then(n => n === all),
      'all runs again',
    );
    equal(page.url(), `${url}/`, 'address after Back');
    equal(await page.inputValue('select[name=verification]'), '', 'the facet after Back');
    await tab.close();
  });
  await test('address: search is one step however long, and survives a reload', async () => {
    const tab = await openTab();
    const { page } = tab;
    await visit(tab, `${url}/`);
    await page.locator('#search').pressSequentially('laptop', { delay: 70 });
    await until(() => page.url() === `${url}/?q=laptop`, 'the search stands in the address');
    await until(
      () =>
        page
          .locator('.runs tbody tr')
          .count()
          .then(n => n === 1),
      'one run on the laptop',
    );
    await page.reload();
    await settled(page);
    equal(await page.inputValue('#search'), 'laptop', 'the field after a reload');
    await page.goBack();
    await until(() => page.url() === `${url}/`, 'one Back takes the search away');
    await tab.close();
  });
  await test('address: no match says why and offers to remove it', async () => {
    const tab = await openTab();
    await visit(tab, `${url}/?model=nothing-like-it&commit=0000`);
    holds((await tab.page.innerText('main')).includes('model=nothing-like-it'), 'the reason is missing');
    await tab.page.click('text=Remove model');
    equal(tab.page.url(), `${url}/?commit=0000`, 'address');
    await tab.close();
  });
  await test('address: older, newest, and Back to where one was', async () => {
    const tab = await openTab({ viewport: { width: 1360, height: 700 } });
    const { page } = tab;
    await visit(tab, `${url}/`);
    const first = await page.getAttribute('.runs tbody tr', 'data-id');
    await page.click('text=Older');
    await until(
      async () => search(tab).get('cursor') && (await page.getAttribute('.runs tbody tr', 'data-id')) !== first,
      'older runs',
    );
    await page.goBack();
    await until(async () => (await page.getAttribute('.runs tbody tr', 'data-id')) === first, 'the newest again');
    await until(() => page.evaluate(() => scrollY > 200), 'the place where one was');
    await tab.close();
  });
  await test('address: sorting, tabs, log scale, invocation, metric, zoom; a reload shows the same', async () => {
    const tab = await openTab();
    const { page } = tab;
    await visit(tab, `${url}/`);
    await page.click('th button:has-text("P50")');
    equal(search(tab).get('sort'), 'p50', 'sort');
    await visit(tab, `${url}/runs/${ids.plain}`);
    await page.click('[role=tab]:has-text("Device")');
    await page.click('[data-figure=histogram] >> text=log');
    await page.selectOption('[data-figure=timeline] select', '3');
    await page.selectOption('[data-figure=dots] select', 'p99_ns');
    const box = await page.locator('[data-figure=histogram] canvas').boundingBox();
    await page.mouse.move(box.x + box.width * 0.2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(box.x + box.width * 0.4, box.y + box.height / 2, { steps: 4 });
    await page.mouse.up();
    await until(() => /^\d+-\d+$/.test(search(tab).get('zoom') || ''), 'the zoom stands in the address');
    equal(
      search(tab)
        .toString()
        .replace(/zoom=[\d-]+/, 'zoom=Z'),
      'tab=device&log=1&inv=3&metric=p99_ns&zoom=Z',
      'address',
    );
    await page.reload();
    await settled(page);
    equal(await page.getAttribute('[role=tab][aria-selected=true]', 'id'), 'tab-device', 'tab after a reload');
    equal(await page.inputValue('[data-figure=timeline] select'), '3', 'invocation after a reload');
    await page.evaluate(() => document.activeElement.blur());
    await press(tab, 'Escape');
    equal(search(tab).get('zoom'), null, 'zoom after Escape');
    await tab.close();
  });
  await test('address: unknown parameters are named, unknown pages too', async () => {
    const tab = await openTab();
    await visit(tab, `${url}/?colour=blue`);
    holds((await tab.page.innerText('.notice')).includes('colour'), 'no notice');
    await tab.close();
  });
}

async function live(url, makeFresh) {
  const rows = tab => tab.page.locator('.runs tbody tr').count();
  await test('live: a new run appears by itself when nothing was touched', async () => {
    const tab = await openTab();
    await visit(tab, `${url}/`);
    const fresh = makeFresh(0);
    await push(url, fresh);
    await until(
      async () => (await tab.page.getAttribute('.runs tbody tr', 'data-id')) === fresh.run.id,
      'the new run is on top',
      10_000,
    );
    await tab.close();
  });
  await test('live: while reading, a new run waits behind a pill and nothing moves', async () => {
    const tab = await openTab({ viewport: { width: 1360, height: 700 } });
    const { page } = tab;
    await visit(tab, `${url}/`);
    await press(tab, 'j', 'j');
    const before = await rows(tab);
    const place = await page.locator('.runs tbody tr').nth(4).boundingBox();
    const fresh = makeFresh(1);
    await push(url, fresh);
    await until(() => page.locator('.pill').isVisible(), 'the pill', 10_000);
    equal(await page.innerText('.pill'), '1 new run – show', 'the pill');
    const now = await page.locator('.runs tbody tr').nth(4).boundingBox();
    equal(now.y, place.y, 'where the fifth row is');
    equal(await rows(tab), before, 'rows');
    await page.click('.pill');
    equal(await page.getAttribute('.runs tbody tr', 'data-id'), fresh.run.id, 'the first row after the click');
    await tab.close();
  });
  await test('live: paused, nothing is asked for', async () => {
    const tab = await openTab();
    await visit(tab, `${url}/`);
    await press(tab, '.');
    equal(await tab.page.innerText('.live'), 'Paused', 'the button');
    tab.clear();
    await tab.page.waitForTimeout(3600);
    equal(tab.notes.requests.length, 0, 'requests while paused');
    await press(tab, '.');
    await until(() => tab.notes.requests.length > 0, 'it asks again');
    await tab.close();
  });
  await test('live: an unclosed run is followed until it closes', async () => {
    const tab = await openTab();
    const made = makeFresh(2);
    await push(url, made, { close: false });
    await visit(tab, `${url}/runs/${made.run.id}`);
    holds((await tab.page.innerText('main')).includes('not closed yet'), 'it does not say that the run is open');
    await push(url, made);
    await until(
      () => tab.page.innerText('h1').then(text => text.includes(made.run.model)),
      'the closed run is shown',
      10_000,
    );
    await tab.close();
  });
}

async function looks(url, ids) {
  await test('theme: the button changes it, charts follow, it lasts', async () => {
    const tab = await openTab();
    const { page } = tab;
    await visit(tab, `${url}/runs/${ids.plain}`);
    const pixels = () => page.evaluate(() => document.querySelector('canvas').toDataURL());
    const light = await pixels();
    await page.click('[aria-label^="Theme"]');
    await page.click('[aria-label^="Theme"]');
    await until(
      () => page.evaluate(() => document.documentElement.dataset.theme === 'dark'),
      'dark after two clicks: auto, light, dark',
    );
    await until(async () => (await pixels()) !== light, 'the chart changes with the theme');
    await page.reload();
    await settled(page);
    equal(await page.evaluate(() => getComputedStyle(document.body).colorScheme), 'dark', 'theme after a reload');
    await tab.close();
  });
  await test('theme: charts follow when the system changes', async () => {
    const tab = await openTab();
    await visit(tab, `${url}/runs/${ids.plain}`);
    const pixels = () => tab.page.evaluate(() => document.querySelector('canvas').toDataURL());
    const light = await pixels();
    await tab.page.emulateMedia({ colorScheme: 'dark' });
    await until(async () => (await pixels()) !== light, 'the chart is drawn anew');
    await tab.close();
  });
  await test('paper: charts fit, in light colours, without controls', async () => {
    const tab = await openTab({ colorScheme: 'dark' });
    const { page } = tab;
    await visit(tab, `${url}/runs/${ids.plain}`);
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' });
    await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
    equal(
      await page.evaluate(() => [...document.querySelectorAll('canvas')].map(c => c.style.width).join()),
      '640px,640px,640px',
      'chart widths',
    );
    equal(await page.evaluate(() => getComputedStyle(document.body).colorScheme), 'light', 'colours');
    equal(await page.locator('.bar').isVisible(), false, 'the bar on paper');
    for (const path of [`/runs/${ids.plain}?tab=invocations`, '/', `/compare?a=${ids.plain}&b=${ids.slower}`]) {
      await page.setViewportSize({ width: 718, height: 1000 }); // A4 within margins of 1 cm
      await visit(tab, url + path);
      equal(await page.evaluate(() => document.documentElement.scrollWidth), 718, `width on paper of ${path}`);
    }
    await page.emulateMedia({ media: 'screen' });
    await visit(tab, `${url}/runs/${ids.plain}`);
    const pdf = await page.pdf({ format: 'A4' });
    holds(pdf.length > 20_000, `a PDF of ${pdf.length} bytes`);
    await tab.close();
  });
  await test('phone: rows are stacked, the bottom bar is there, nothing to touch is under 24 px', async () => {
    const tab = await openTab({ viewport: PHONE, hasTouch: true });
    const { page } = tab;
    await visit(tab, `${url}/`);
    equal(
      await page.evaluate(() => getComputedStyle(document.querySelector('.runs tbody tr')).display),
      'grid',
      'rows',
    );
    holds(await page.locator('nav.bottom').isVisible(), 'no bottom bar');
    holds(!(await page.locator('nav.top').isVisible()), 'the top navigation is still there');
    const small = await page.evaluate(() =>
      [...document.querySelectorAll('button, select, nav a, .pick label')]
        .filter(e => e.checkVisibility())
        .map(e => [e, e.getBoundingClientRect()])
        .filter(([, r]) => r.width < 24 || r.height < 24)
        .map(([e]) => e.outerHTML.slice(0, 80)),
    );
    equal(small.join('\n'), '', 'small targets');
    await tab.close();
  });
  await test('motion: none where it is not wanted', async () => {
    const tab = await openTab({ reducedMotion: 'reduce', viewport: DESKTOP });
    await visit(tab, `${url}/`);
    equal(await tab.page.evaluate(() => document.getAnimations().length), 0, 'animations');
    await tab.close();
  });
}

export async function behaviour(url, ids, makeFresh) {
  await keyboard(url, ids);
  await address(url, ids);
  await live(url, makeFresh);
  await looks(url, ids);
}

// -- what the real daemon does not do on purpose: the stand-in does ----------------------------------------
export async function troubles(mock, id) {
  const tab = await openTab();
  const { page } = tab;
  await test('trouble: one panel fails, the others stand; the error has its request id; trying again helps', async () => {
    mock.state.broken.add('/samples');
    await visit(tab, `${mock.url}/runs/${id}`);
    const panel = page.locator('[data-figure=timeline]');
    holds((await panel.innerText()).includes('The store failed'), 'no title of the problem');
    holds((await panel.innerText()).includes('mock-0001'), 'no request id');
    equal(await page.locator('canvas').count(), 2, 'charts of the other panels');
    mock.state.broken.clear();
    await panel.locator('text=Try again').click();
    await until(
      () =>
        page
          .locator('canvas')
          .count()
          .then(n => n === 3),
      'the panel after trying again',
    );
  });
  await test('trouble: a slow answer shows a skeleton, a quick one does not', async () => {
    // the mock object was copied from its state: the delay is read from the state
    mock.state.delayMs = 500;
    await page.goto(`${mock.url}/?q=slow`, { waitUntil: 'commit' });
    await page.waitForSelector('.skeleton', { state: 'attached' });
    mock.state.delayMs = 0;
    await settled(page);
    await page.evaluate(() => {
      window.sawSkeleton = false;
      new MutationObserver(() => {
        window.sawSkeleton ||= !!document.querySelector('.skeleton');
      }).observe(document.body, { childList: true, subtree: true });
    });
    await page.click('nav.top >> text=Compare');
    await settled(page);
    equal(await page.evaluate(() => window.sawSkeleton), false, 'a skeleton at a quick answer');
  });
  await test('trouble: the list fails, then the daemon is gone: a sentence each', async () => {
    mock.state.broken.add('/runs');
    await visit(tab, `${mock.url}/`);
    holds((await page.innerText('main')).includes('The list of runs: The store failed'), 'no sentence about the list');
    mock.state.broken.clear();
    await page.route('**/api/**', route => route.abort());
    await page.click('text=Try again');
    await until(
      () => page.innerText('main').then(text => text.includes('The daemon does not answer')),
      'a sentence about the daemon',
    );
  });
  await tab.close();
}
