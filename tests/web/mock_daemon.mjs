// A STAND-IN for inferometerd, for work on the pages without it and for states that the real one cannot be
// brought to on purpose (500s, slow answers). It knows the shapes of the replies, computes with the simplest
// code that gives plausible numbers, and stores nothing. No test takes a number from it as right.
//   node tests/web/mock_daemon.mjs [--dist build/web/dist] [--port N] [--rows N]
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import {
  experimentOf,
  lanesReply,
  opsReply,
  pairedMetric,
  steadiness,
  scenarioOf,
  trustOf,
  windowsReply,
} from './mock_rich.mjs';
import { many, named, NAMED } from './seed.mjs';
import { rich, RICH } from './seed_rich.mjs';

const here = dirname(fileURLToPath(import.meta.url));
export const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "font-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'";
const TYPES = {
  html: 'text/html',
  js: 'text/javascript',
  css: 'text/css',
  svg: 'image/svg+xml',
  txt: 'text/plain',
  json: 'application/json',
};

const rank = (sorted, pm) => sorted[Math.ceil((sorted.length * pm) / 10000) - 1];
const median = values => {
  const s = [...values].sort((a, b) => a - b);
  return s.length % 2 ? s[(s.length - 1) / 2] : (s[s.length / 2 - 1] + s[s.length / 2]) / 2;
};
const BOUNDS = { 6: [0, 5], 7: [0, 6], 8: [0, 7], 9: [1, 7], 10: [1, 8] };

function statsOf(i) {
  if (i.status !== 'ok') {
    return {};
  }
  const s = [...i.latency_ns].sort((a, b) => a - b);
  const mean = s.reduce((a, b) => a + b, 0) / s.length;
  return {
    p50_ns: rank(s, 5000),
    p90_ns: rank(s, 9000),
    p99_ns: rank(s, 9900),
    p99_enough: s.length >= 459,
    min_ns: s[0],
    max_ns: s.at(-1),
    mean_ns: mean,
    sd_ns: Math.sqrt(s.reduce((a, b) => a + (b - mean) ** 2, 0) / s.length),
    p50_low_ns: rank(s, 4700),
    p50_high_ns: rank(s, 5300),
    p50_interp_ns: rank(s, 5000) + 0.5,
    p90_interp_ns: rank(s, 9000) + 0.1,
    p99_interp_ns: rank(s, 9900) + 0.9,
    throughput_per_s: s.length / (i.steady_ns / 1e9),
    autocorrelation: 0.03,
  };
}

function estimate(values, enough = true) {
  const v = values.filter(x => x !== null && x !== undefined).sort((a, b) => a - b);
  const at = BOUNDS[v.length];
  return {
    value: v.length ? median(v) : null,
    low: at ? v[at[0]] : null,
    high: at ? v[at[1]] : null,
    coverage: at ? 0.97 : null,
    k: v.length,
    needed: at ? 0 : Math.max(0, 6 - v.length),
    enough,
  };
}

function stored({ run, invocations: sent, raw }) {
  const invocations = sent.map(i => ({ ...i, latency_ns: raw.get(i.n)?.steady, warm_ns: raw.get(i.n)?.warm }));
  const rows = invocations.map(i => ({
    ...i,
    ...statsOf(i),
    ...steadiness(i, raw.get(i.n)),
    latency_ns: undefined,
    warm_ns: undefined,
    samples: undefined,
    lanes: undefined,
  }));
  const ok = rows.filter(r => r.status === 'ok');
  const of = key => ok.map(r => r[key]);
  const p99 = estimate(
    of('p99_ns'),
    ok.every(r => r.p99_enough),
  );
  const summary = {
    p50_ns: estimate(of('p50_ns')),
    p90_ns: estimate(of('p90_ns')),
    p99_ns: p99,
    throughput_per_s: estimate(of('throughput_per_s')),
    load_ns: estimate(of('load_ns')),
    first_inference_ns: estimate(of('first_inference_ns')),
    peak_rss_bytes: estimate(ok.map(r => r.memory_steady.peak_rss_bytes)),
    cpu_ns_per_inference: estimate(ok.map(r => r.cpu_ns / r.iterations)),
  };
  const row = {
    ...Object.fromEntries(
      [
        'id',
        'started_at',
        'finished_at',
        'status',
        'model',
        'variant',
        'variant_sha256',
        'format',
        'runtime',
        'runtime_version',
        'provider',
        'device',
        'device_key',
        'config_key',
        'labels',
        'verification',
        'trust',
      ].map(k => [k, run[k]]),
    ),
    commit: run.commit ?? null,
    experiment: run.experiment?.id ?? null,
    scenario: run.config.scenario,
    trust_line: trustOf(run).line,
    invocations_ok: ok.length,
    invocations_failed: rows.length - ok.length,
    iterations: ok[0]?.iterations ?? null,
    p50_ns: summary.p50_ns.value,
    p50_low_ns: summary.p50_ns.low,
    p50_high_ns: summary.p50_ns.high,
    p90_ns: summary.p90_ns.value,
    p99_ns: p99.value,
    p99_enough: p99.enough,
    throughput_per_s: summary.throughput_per_s.value,
    load_ns: summary.load_ns.value,
    first_inference_ns: summary.first_inference_ns.value,
    peak_rss_bytes: summary.peak_rss_bytes.value,
  };
  return { run, invocations, rows, summary, row, raw };
}

function histogram(entry, query) {
  const all = entry.invocations.flatMap(i => i.latency_ns || []).sort((a, b) => a - b);
  const bins = Number(query.get('bins') || 120);
  const low = Number(query.get('low_ns') || all[0] || 0);
  const high = Number(query.get('high_ns') || (rank(all, 9990) ?? 0) + 1);
  const bin = (high - low) / bins || 1;
  const counts = new Array(bins).fill(0);
  let below = 0;
  let above = 0;
  for (const v of all) {
    const i = Math.floor((v - low) / bin);
    if (i < 0) {
      below++;
    } else if (i >= bins) {
      above++;
    } else {
      counts[i]++;
    }
  }
  return { low_ns: low, high_ns: high, bin_ns: bin, counts, below, above, n: all.length };
}

function column(values, buckets) {
  const c = { count: values.length, t_ns: [], min: [], max: [], p50: [], n: [] };
  const size = Math.max(1, Math.ceil(values.length / buckets));
  let t = 0;
  for (let i = 0; i < values.length; i += size) {
    const part = values.slice(i, i + size);
    c.t_ns.push(t);
    c.min.push(Math.min(...part));
    c.max.push(Math.max(...part));
    c.p50.push(
      rank(
        [...part].sort((a, b) => a - b),
        5000,
      ),
    );
    c.n.push(part.length);
    t += part.reduce((a, b) => a + b, 0);
  }
  return c;
}

function samples(entry, query) {
  const wanted = query.get('invocation');
  const buckets = Number(query.get('buckets') || 600);
  return {
    run: entry.run.id,
    unit: 'ns',
    invocations: entry.invocations
      .filter(i => wanted === null || String(i.n) === wanted)
      .map(i => ({
        n: i.n,
        ...(query.get('phase') === 'steady' ? {} : { warmup: column(i.warm_ns || [], buckets) }),
        steady: column(i.latency_ns || [], buckets),
      })),
  };
}

function compare(a, b, delta) {
  const metrics = [
    ['p50_ns', 'ns', 1],
    ['p90_ns', 'ns', 1],
    ['p99_ns', 'ns', 1],
    ['throughput_per_s', '1/s', 0],
    ['load_ns', 'ns', 1],
    ['first_inference_ns', 'ns', 1],
    ['peak_rss_bytes', 'bytes', 1],
    ['cpu_ns_per_inference', 'ns', 1],
  ];
  const comparable = a.run.device_key === b.run.device_key;
  const pairs = experimentOf(a, b);
  const rows = metrics.map(([metric, unit, less]) => {
    const [x, y] = [a.summary[metric], b.summary[metric]];
    const ratio = x.value && y.value ? y.value / x.value : null;
    const bounded = ratio && x.low && y.low;
    const [low, high] = bounded ? [ratio * 0.993, ratio * 1.007] : [null, null];
    const up =
      low > 1 + delta
        ? 'regression'
        : high < 1 - delta
          ? 'improvement'
          : low > 1 - delta && high < 1 + delta
            ? 'equivalent'
            : 'inconclusive';
    const turned = { regression: 'improvement', improvement: 'regression' };
    const verdict = !comparable || !bounded ? 'inconclusive' : less ? up : turned[up] || up;
    const row = { metric, unit, less_is_better: !!less, a: x, b: y, ratio, low, high, delta, verdict };
    return pairs ? pairedMetric(row, a.rows, b.rows) : { ...row, detectable: null };
  });
  const differences = [];
  for (const key of ['device', 'device_key', 'variant', 'variant_sha256', 'runtime', 'provider', 'commit']) {
    if (a.run[key] !== b.run[key]) {
      differences.push({
        kind: key.startsWith('device') ? 'device' : key.startsWith('variant') ? 'variant' : 'configuration',
        field: key,
        a: a.run[key] ?? null,
        b: b.run[key] ?? null,
      });
    }
  }
  for (const key of Object.keys(a.run.config)) {
    if (a.run.config[key] !== b.run.config[key]) {
      differences.push({ kind: 'configuration', field: `config.${key}`, a: a.run.config[key], b: b.run.config[key] });
    }
  }
  return {
    a: a.row,
    b: b.row,
    interleaved: pairs > 0,
    pairs,
    caption: pairs ? `interleaved, ${pairs} pairs` : 'sequential, not interleaved',
    comparable,
    reason: comparable ? null : 'the devices differ (cpu.model, os.kernel)',
    differences,
    metrics: rows,
    verdict: rows[0].verdict,
  };
}

class Problem extends Error {
  constructor(status, title, detail) {
    super(title);
    Object.assign(this, { status, title, detail });
  }
}

export function startMock({ dist, runs = [], openapi = null, port = 0 }) {
  const state = {
    runs: new Map(runs.map(r => [r.run.id, stored(r)])),
    broken: new Set(),
    delayMs: 0,
    add(made) {
      state.runs.set(made.run.id, stored(made));
    },
  };
  const list = query => {
    const q = query.get('q')?.toLowerCase();
    const items = [...state.runs.values()]
      .map(e => e.row)
      .sort((x, y) => (x.id < y.id ? 1 : -1))
      .filter(
        r =>
          [
            'model',
            'runtime',
            'device',
            'status',
            'verification',
            'commit',
            'provider',
            'trust',
            'experiment',
            'scenario',
          ].every(k => !query.get(k) || r[k] === query.get(k)) &&
          (!q || `${r.model} ${r.variant} ${r.device} ${r.runtime}`.toLowerCase().includes(q)),
      );
    const from = query.get('cursor') ? items.findIndex(r => r.id === query.get('cursor')) : 0;
    const limit = Number(query.get('limit') || 50);
    return { items: items.slice(from, from + limit), next_cursor: items[from + limit]?.id ?? null };
  };
  const entry = id =>
    state.runs.get(id) ??
    (() => {
      throw new Problem(404, 'No such run', `There is no run ${id}.`);
    })();
  const answer = (path, query) => {
    for (const part of state.broken) {
      if (path.includes(part)) {
        throw new Problem(500, 'The store failed', 'disk I/O error');
      }
    }
    const [, id, rest] = /^\/api\/v1\/runs\/([^/]+)(\/.*)?$/.exec(path) || [];
    if (path === '/api/v1/runs') {
      return list(query);
    }
    if (path === '/openapi.json' && openapi) {
      return openapi;
    }
    if (path === '/api/v1/compare') {
      return compare(entry(query.get('a')), entry(query.get('b')), Number(query.get('delta') || 0.02));
    }
    if (rest === '/histogram') {
      return histogram(entry(id), query);
    }
    if (rest === '/samples') {
      return samples(entry(id), query);
    }
    if (rest === '/lanes') {
      return lanesReply(entry(id), query);
    }
    if (rest === '/ops') {
      return opsReply(entry(id));
    }
    if (rest === '/windows') {
      return windowsReply(entry(id), query);
    }
    if (id && !rest) {
      const e = entry(id);
      return {
        run: e.run,
        closed: true,
        summary: e.summary,
        invocations: e.rows,
        trust: trustOf(e.run),
        scenario: scenarioOf(e),
      };
    }
    throw new Problem(404, 'Not found', path);
  };
  const server = createServer((request, response) =>
    setTimeout(() => {
      const url = new URL(request.url, 'http://localhost');
      const send = (status, type, body, headers = {}) => {
        const etag = `"${createHash('sha256').update(body).digest('hex').slice(0, 16)}"`;
        if (status === 200 && request.headers['if-none-match'] === etag) {
          response.writeHead(304, { etag }).end();
        } else {
          response
            .writeHead(status, { 'content-type': type, etag, 'content-security-policy': CSP, ...headers })
            .end(body);
        }
      };
      try {
        if (url.pathname.startsWith('/api/') || url.pathname === '/openapi.json') {
          send(200, 'application/json', JSON.stringify(answer(url.pathname, url.searchParams)));
          return;
        }
        const page = /^\/($|runs\/[^/]+$|compare$|api$)/.test(url.pathname);
        const file = page ? 'index.html' : url.pathname.slice(1).replace(/[^a-z0-9.]/gi, '');
        send(200, TYPES[file.split('.').pop()] || 'text/plain', readFileSync(join(dist, file)));
      } catch (error) {
        const status = error.status || 404;
        send(
          status,
          'application/problem+json',
          JSON.stringify({
            type: '/problems/mock',
            title: error.title || 'Not found',
            status,
            detail: error.detail,
            instance: url.pathname,
            request_id: 'mock-0001',
          }),
        );
      }
    }, state.delayMs),
  );
  return new Promise(done =>
    server.listen(port, '127.0.0.1', () =>
      done({ ...state, state, url: `http://127.0.0.1:${server.address().port}`, close: () => server.close() }),
    ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const option = (name, value) => (process.argv.includes(name) ? process.argv[process.argv.indexOf(name) + 1] : value);
  const now = Date.now();
  const runs = [
    ...Object.keys(NAMED).map((name, i) => named(name, i, now)),
    ...Object.keys(RICH).map((name, i) => rich(name, i, now)),
    ...many(Number(option('--rows', 200)), now),
  ];
  let openapi = null;
  try {
    openapi = JSON.parse(readFileSync(join(here, '../../schema/openapi.json'), 'utf8'));
  } catch {
    // the /api page then shows its error state
  }
  const mock = await startMock({
    dist: resolve(option('--dist', join(here, '../../build/web/dist'))),
    runs,
    openapi,
    port: Number(option('--port', 0)),
  });
  console.log(`stand-in (made-up data) at ${mock.url}`);
  [...Object.keys(NAMED), ...Object.keys(RICH)].forEach((name, i) =>
    console.log(`  ${name}: ${mock.url}/runs/${runs[i].run.id}`),
  );
}
