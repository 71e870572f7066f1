// The dashboard in a real browser against the real daemon.
//   IFM_BUILD_DIR=build node tests/web/run.mjs       exit 0, 1, or 77 with the reason when it cannot run here
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { behaviour, troubles } from './behaviour.mjs';
import { checked } from './checked.mjs';
import {
  equal,
  finish,
  holds,
  openTab,
  push,
  skipAll,
  source,
  startBrowser,
  startDaemon,
  stopAll,
  test,
  visit,
} from './lib.mjs';
import { measure } from './measure.mjs';
import { startMock } from './mock_daemon.mjs';
import { budgets, everyPage, numbers } from './pages.mjs';
import { makeRun, many, named, NAMED, SPECIAL } from './seed.mjs';
import { rich, RICH } from './seed_rich.mjs';

async function firstRun(url) {
  await test('first run: an empty store shows the commands that fill it, and the first run appears', async () => {
    const tab = await openTab();
    await visit(tab, `${url}/`);
    const text = await tab.page.innerText('main');
    ['deploy/quickstart.sh', 'inferometer run', `inferometer push --daemon ${url}`].forEach(part =>
      holds(text.includes(part), `“${part}” is missing`),
    );
    equal(tab.notes.errors.join(), '', 'console errors');
    await tab.close();
  });
}

async function seed(url) {
  const now = Date.now();
  const made = Object.fromEntries(Object.keys(NAMED).map((name, i) => [name, named(name, i, now)]));
  Object.keys(RICH).forEach((name, i) => {
    made[name] = rich(name, i, now);
  });
  made.long = makeRun(77, now - 3_000_000, SPECIAL.long);
  made.markup = makeRun(78, now - 3_100_000, SPECIAL.markup);
  for (const one of [...Object.values(made), ...many(200, now)]) {
    await push(url, one);
  }
  return made;
}

async function withStandIn(url, made) {
  const dist = process.env.IFM_WEB_DIST || join(source, 'build/web/dist');
  if (!existsSync(join(dist, 'index.html'))) {
    await test('trouble: failing and slow answers', () => `no ${dist}: node web/build.mjs`);
    return;
  }
  await test('the daemon holds the dashboard that was built last', async () => {
    equal(
      await (await fetch(url)).text(),
      readFileSync(join(dist, 'index.html'), 'utf8'),
      'index.html (build inferometerd again)',
    );
  });
  const mock = await startMock({ dist, runs: Object.values(made) });
  await troubles(mock, made.plain.run.id);
  await measure(mock.url, Object.fromEntries(Object.entries(made).map(([name, one]) => [name, one.run.id])), [
    'trust',
    'lanes',
  ]);
  mock.close();
}

async function main() {
  if (Number(process.versions.node.split('.')[0]) < 18) {
    skipAll(`node ${process.versions.node} is too old, 18 is needed`);
  }
  const version = await startBrowser();
  const { url } = await startDaemon();
  console.log(`Chromium ${version}, ${url}`);
  await firstRun(url);
  const made = await seed(url);
  const ids = Object.fromEntries(Object.entries(made).map(([name, { run }]) => [name, run.id]));
  await everyPage(url, ids);
  await budgets(url, ids);
  await numbers(url, ids, made);
  await behaviour(url, ids, i => makeRun(9000 + i, Date.now(), SPECIAL.fresh));
  await measure(url, ids);
  await checked(url, ids);
  await withStandIn(url, made);
}

await main().catch(error =>
  test('the suite runs to its end', () => {
    throw error;
  }),
);
stopAll();
process.exit(finish());
