// What the web tests stand on: the daemon under test, the browser, checks that hold for every page, counting.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
export const source = resolve(process.env.IFM_SOURCE_DIR || join(here, '../..'));
const modules = resolve(process.env.IFM_NODE_MODULES || join(source, 'build/deps/node_modules'));
const CHROMIUM = process.env.CHROMIUM || '/usr/bin/chromium';
const SWITCHES = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
];

export function skipAll(reason) {
  console.log(`skipped: ${reason}`);
  console.log('0 passed, 0 failed, 1 skipped');
  process.exit(77);
}

// -- counting ---------------------------------------------------------------------------------------------
const counts = { passed: 0, failed: 0, skipped: 0 };
export async function test(name, body) {
  try {
    const reason = await body();
    if (typeof reason === 'string') {
      counts.skipped++;
      console.log(`skip ${name}: ${reason}`);
    } else {
      counts.passed++;
      console.log(`ok   ${name}`);
    }
  } catch (error) {
    counts.failed++;
    console.log(`FAIL ${name}\n     ${String(error.message).split('\n').slice(0, 12).join('\n     ')}`);
  }
}
export function finish() {
  console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  return counts.failed ? 1 : 0;
}
export function equal(actual, expected, what) {
  if (actual !== expected) {
    throw new Error(`${what}: ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`);
  }
}
export function holds(condition, what) {
  if (!condition) {
    throw new Error(what);
  }
}
export async function until(condition, what, ms = 8000) {
  const end = Date.now() + ms;
  for (;;) {
    if (await condition()) {
      return;
    }
    if (Date.now() > end) {
      throw new Error(`not within ${ms} ms: ${what}`);
    }
    await new Promise(done => setTimeout(done, 40));
  }
}

// -- the daemon -------------------------------------------------------------------------------------------
const started = [];
export function stopAll() {
  started.forEach(stop => stop());
}

export async function startDaemon() {
  const binary = join(resolve(process.env.IFM_BUILD_DIR || join(source, 'build')), 'bin/inferometerd');
  if (!existsSync(binary)) {
    skipAll(`no daemon at ${binary}: build the target inferometerd`);
  }
  const data = mkdtempSync(join(tmpdir(), 'ifm-web-'));
  const child = spawn(binary, ['--data', data, '--port', '0'], { stdio: ['ignore', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.on('data', text => {
    log = (log + text).slice(-8000);
  });
  started.push(() => {
    child.kill('SIGTERM');
    rmSync(data, { recursive: true, force: true });
  });
  let out = '';
  child.stdout.on('data', text => {
    out += text;
  });
  let url;
  await until(() => (url = /listening on (http:\S+)/.exec(out)?.[1]) || child.exitCode !== null, 'the daemon listens');
  if (!url) {
    throw new Error(`inferometerd ended with ${child.exitCode}: ${log}`);
  }
  const page = await (await fetch(`${url}/`)).text();
  if (!/app\.[0-9a-f]+\.js/.test(page)) {
    stopAll();
    skipAll('the daemon was built without the dashboard: node web/build.mjs, then build inferometerd again');
  }
  return { url, log: () => log };
}

async function put(url, body) {
  const response = await fetch(url, {
    method: 'PUT',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.status !== 201 && response.status !== 200) {
    throw new Error(`PUT ${url}: ${response.status} ${await response.text()}`);
  }
}
export async function push(url, { run, invocations }, { close = true } = {}) {
  for (const invocation of invocations) {
    await put(`${url}/api/v1/runs/${run.id}/invocations/${invocation.n}`, invocation);
  }
  if (close) {
    await put(`${url}/api/v1/runs/${run.id}`, run);
  }
}
export const ask = async url => (await fetch(url)).json();

// -- the browser ------------------------------------------------------------------------------------------
let browser;
let axe;
export async function startBrowser() {
  if (!existsSync(CHROMIUM)) {
    skipAll(`no Chromium at ${CHROMIUM} (apt-get install --no-install-recommends chromium)`);
  }
  const missing = ['playwright-core', 'axe-core'].filter(name => !existsSync(join(modules, name)));
  if (missing.length) {
    skipAll(`not found in ${modules}: ${missing.join(', ')} (deploy/fetch webtest)`);
  }
  const { chromium } = createRequire(join(modules, 'x.js'))('playwright-core');
  axe = readFileSync(join(modules, 'axe-core/axe.min.js'), 'utf8');
  browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: SWITCHES });
  started.push(() => browser.close());
  return browser.version();
}

export const DESKTOP = { width: 1360, height: 860 };
export const PHONE = { width: 390, height: 844 };

// A tab that notes everything that may not happen: console errors, CSP violations, foreign requests.
export async function openTab(options = {}) {
  const context = await browser.newContext({ viewport: DESKTOP, colorScheme: 'light', ...options });
  const page = await context.newPage();
  const notes = { errors: [], violations: [], foreign: [], requests: [] };
  page.on('console', message => message.type() === 'error' && notes.errors.push(message.text()));
  page.on('pageerror', error => notes.errors.push(error.message));
  await page.exposeFunction('noteViolation', text => notes.violations.push(text));
  await page.addInitScript(() =>
    addEventListener('securitypolicyviolation', event =>
      window.noteViolation(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`),
    ),
  );
  const cdp = await context.newCDPSession(page);
  await cdp.send('Network.enable');
  const byId = new Map();
  cdp.on('Network.requestWillBeSent', event => {
    byId.set(event.requestId, { url: event.request.url, bytes: 0 });
    notes.requests.push(byId.get(event.requestId));
    if (new URL(event.request.url).hostname !== '127.0.0.1') {
      notes.foreign.push(event.request.url);
    }
  });
  cdp.on('Network.loadingFinished', event => {
    if (byId.has(event.requestId)) {
      byId.get(event.requestId).bytes = event.encodedDataLength;
    }
  });
  return {
    page,
    cdp,
    notes,
    close: () => context.close(),
    clear: () =>
      Object.values(notes).forEach(list => {
        list.length = 0;
      }),
  };
}

// All asked for has come and is drawn
export async function settled(page) {
  await page.waitForSelector('main h1');
  await page.waitForLoadState('networkidle');
  await until(
    () =>
      page.evaluate(
        () =>
          !document.querySelector('.skeleton') &&
          [...document.querySelectorAll('canvas')].every(c => c.width > 0 && c.style.width),
      ),
    'the page is drawn',
  );
  await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
}
export async function visit(tab, url) {
  await tab.page.goto(url);
  await settled(tab.page);
}
// the browser itself writes an error for every 4xx and 5xx answer; a page about a missing run has one
export const ownErrors = notes => notes.errors.filter(text => !/^Failed to load resource/.test(text));

// axe goes in by the debugger: Trusted Types would refuse a script element
export async function accessible(tab) {
  await tab.cdp.send('Runtime.evaluate', { expression: `window.axe || (() => { ${axe} })()` });
  const found = await tab.page.evaluate(() =>
    window.axe
      .run(document, {
        runOnly: { type: 'tag', values: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] },
        rules: { 'target-size': { enabled: true } },
      })
      .then(result =>
        result.violations.map(
          v =>
            `${v.id}: ${v.help}: ${v.nodes
              .slice(0, 3)
              .map(n => n.html.slice(0, 160))
              .join(' | ')}`,
        ),
      ),
  );
  holds(found.length === 0, `axe-core: ${found.join('\n')}`);
}

// No tool sees inside a canvas: count its ink and how well it stands out from the panel behind it.
export async function drawn(page, expected) {
  const canvases = await page.evaluate(() =>
    [...document.querySelectorAll('canvas')].map(canvas => {
      const channel = c => (c / 255 <= 0.03928 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4);
      const light = (r, g, b) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
      const behind = getComputedStyle(canvas.closest('.panel'))
        .backgroundColor.match(/[\d.]+/g)
        .map(Number);
      const base = light(...behind);
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      const resolved = name => {
        const probe = document.body.appendChild(document.createElement('span'));
        probe.style.color = `var(--chart-${name})`;
        const rgb = getComputedStyle(probe)
          .color.match(/[\d.]+/g)
          .map(Number);
        probe.remove();
        return rgb;
      };
      const against = rgb => {
        const l = light(...rgb);
        return (Math.max(l, base) + 0.05) / (Math.min(l, base) + 0.05);
      };
      const [curve, ticks] = [resolved('a'), resolved('ink')];
      const near = (at, rgb) => [0, 1, 2].every(k => Math.abs(data[at + k] - rgb[k]) < 20);
      let curvePixels = 0;
      let tickPixels = 0;
      let ink = 0;
      for (let i = 0; i < data.length; i += 4) {
        const a = data[i + 3] / 255;
        if (a < 0.03) {
          continue;
        }
        const mixed = [0, 1, 2].map(k => data[i + k] * a + behind[k] * (1 - a));
        ink += against(mixed) >= 3 ? 1 : 0;
        curvePixels += a > 0.9 && near(i, curve) ? 1 : 0;
        tickPixels += a > 0.5 && near(i, ticks) ? 1 : 0;
      }
      return {
        share: ink / (data.length / 4),
        curvePixels,
        tickPixels,
        curve: against(curve),
        ticks: against(ticks),
        label: canvas.getAttribute('aria-label'),
      };
    }),
  );
  equal(canvases.length, expected, 'number of charts');
  for (const c of canvases) {
    holds(
      c.share > 0.002,
      `a chart is blank or too faint (${(c.share * 100).toFixed(2)} % of its pixels stand out): ${c.label}`,
    );
    holds(
      c.curvePixels > 40 && c.curve >= 3,
      `the data are not seen (${c.curvePixels} pixels, contrast ${c.curve}): ${c.label}`,
    );
    holds(
      c.tickPixels > 20 && c.ticks >= 4.5,
      `the ticks are not read (${c.tickPixels} pixels, contrast ${c.ticks}): ${c.label}`,
    );
  }
}
