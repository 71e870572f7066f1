// Made-up runs as PUT bodies, the same on every call: log-normal latencies with a slow tail, warm-up, failed
// invocations, WRONG outputs, no reference, K < 6, long and non-ASCII names. Nothing here was measured.
import { createHash } from 'node:crypto';

export function random(seed) {
  // mulberry32
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
export const normal = rng => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
const sha = text => createHash('sha256').update(text).digest('hex');

// UUIDv7: the time in front, the rest from the generator
export function uuid(rng, ms) {
  const hex = n => Array.from({ length: n }, () => Math.floor(rng() * 16).toString(16)).join('');
  const time = ms.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(3)}-8${hex(3)}-${hex(12)}`;
}

function latencies(rng, count, typical, spread) {
  const drift = 1 + 0.004 * normal(rng);
  return Array.from({ length: count }, () => {
    const slow = rng() < 0.012 ? 1 + rng() * 0.6 : 1;
    return Math.max(1, Math.round(typical * drift * Math.exp(spread * normal(rng)) * slow));
  });
}

// A sample block as the worker writes it (core/codec.h), in a zstd frame of raw blocks: node has no zstd.
export function codecBlock(values) {
  const median = [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)];
  const codes = values.map(v => (v >= median ? 2 * (v - median) : 2 * (median - v) - 1));
  const width = Math.max(1, Math.ceil(Math.log2(Math.max(...codes) + 1) / 8));
  const planes = Buffer.alloc(width * values.length);
  codes.forEach((code, i) => {
    for (let j = 0; j < width; j++) {
      planes[j * values.length + i] = Math.floor(code / 256 ** j) % 256;
    }
  });
  const head = Buffer.alloc(16);
  head.write('IS', 0, 'latin1');
  head.writeUInt8(1, 2);
  head.writeUInt8(width, 3);
  head.writeUInt32LE(values.length, 4);
  head.writeBigInt64LE(BigInt(median), 8);
  const frame = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0]);
  frame.writeUInt32LE(planes.length, 5);
  const parts = [head, frame];
  for (let at = 0; at < planes.length; at += 65536) {
    const part = planes.subarray(at, at + 65536);
    const size = Buffer.alloc(3);
    size.writeUIntLE((part.length << 3) | (at + 65536 >= planes.length ? 1 : 0), 0, 3);
    parts.push(size, part);
  }
  return Buffer.concat(parts).toString('base64');
}

function samplesOf(rng, warm, steady) {
  const one = (phase, values) => ({
    phase,
    first: 0,
    count: values.length,
    block: codecBlock(values),
    gaps: codecBlock(values.map(() => 120 + Math.floor(rng() * 80))),
  });
  return [one('warmup', warm), one('steady', steady)];
}

function comparison(output, passed, rng) {
  return {
    output,
    passed,
    ...(passed ? {} : { reason: '412 of 1,001 elements differ by more than atol + rtol · |expected|' }),
    elements: 1001,
    mismatched: passed ? 0 : 412,
    first_mismatch: passed ? -1 : 3,
    not_finite: 0,
    max_abs: passed ? 2.1e-7 * (1 + rng()) : 0.613,
    max_rel: passed ? 3.4e-5 : 11.2,
    cosine: passed ? 0.9999998 : 0.8123,
    snr_db: passed ? 118.4 : 4.1,
    rtol: 1e-3,
    atol: 1e-4,
  };
}

function memory(rng, base) {
  return {
    peak_rss_bytes: Math.round(base * (1 + 0.01 * rng())),
    anon_bytes: Math.round(base * 0.62),
    file_bytes: Math.round(base * 0.33),
    minor_faults: Math.round((base / 4096) * 0.8),
    major_faults: 0,
  };
}

const FAILURES = [
  {
    failure: 'crash',
    failure_text: 'The worker crashed with signal 11 (SIGSEGV) in step steady.',
    signal: 11,
    step: 'steady',
    stderr_tail:
      '[W:onnxruntime] Some nodes were not assigned to the preferred provider\nFatal: address not mapped: 0x10\n',
  },
  {
    failure: 'hang',
    failure_text: 'No end after 60 s; the worker was stopped.',
    signal: 9,
    step: 'warmup',
    stderr_tail: '',
  },
  {
    failure: 'out_of_memory',
    failure_text: 'The worker asked for more than its limit of 512 MB.',
    exit_status: 6,
    step: 'load',
    stderr_tail: 'std::bad_alloc\n',
  },
];

function invocation(run, n, rng, spec, raw) {
  const started = new Date(Date.parse(run.started_at) + n * 4000).toISOString();
  if (spec.fails?.includes(n)) {
    return { v: 1, n, started_at: started, status: 'failed', ...FAILURES[n % FAILURES.length] };
  }
  const steady = latencies(rng, spec.iterations, spec.typical, spec.spread);
  const warm = Array.from({ length: 40 }, (_, k) =>
    Math.round(spec.typical * (1 + 2 / (k + 1)) * Math.exp(spec.spread * normal(rng))),
  );
  const sum = steady.reduce((a, b) => a + b, 0);
  raw.set(n, { warm, steady });
  return {
    v: 1,
    n,
    started_at: started,
    status: 'ok',
    failure: 'none',
    step: 'close',
    spawn_ns: 9.1e6 + Math.round(rng() * 2e6),
    load_ns: Math.round(spec.typical * 12 * (1 + 0.05 * normal(rng))),
    first_inference_ns: Math.round(spec.typical * (3 + rng())),
    warmup_iterations: 40,
    warmup_ns: warm.reduce((a, b) => a + b, 0),
    iterations: steady.length,
    steady_ns: Math.round(sum * 1.0004),
    cpu_ns: Math.round(sum * 1.9),
    involuntary_switches: Math.floor(rng() * 9),
    end_reason: 'complete',
    clock: { resolution_ns: 1, overhead_ns: 22, jitter_ns: 9, raw_ratio: 1, source: 'monotonic' },
    memory_load: memory(rng, spec.rss * 0.8),
    memory_first: memory(rng, spec.rss * 0.96),
    memory_steady: memory(rng, spec.rss),
    own_array_bytes: 12 * 65536,
    deterministic: !spec.random,
    verification:
      spec.verification === 'no_reference'
        ? { state: 'no_reference', outputs: [] }
        : {
            state: spec.verification,
            outputs: [
              comparison('logits', spec.verification !== 'wrong', rng),
              comparison('embedding/final:0', true, rng),
            ],
          },
    warnings: spec.warnings || [],
    ...(spec.plain ? { latency_ns: steady } : { samples: samplesOf(rng, warm, steady) }),
  };
}

const DEVICE = [
  ['cpu.model', 'Example CPU 8-core @ 2.4 GHz', true],
  ['cpu.cores', '8', true],
  ['memory.total', '32 GiB', true],
  ['os.kernel', '6.1.0-example', true],
  ['cpu.governor', 'performance', true],
  ['hypervisor', 'none', true],
  ['cpu.temperature', '54 °C', false],
  ['load.average', '0.12', false],
];

// spec: { model, variant, runtime, provider, device, typical, spread, iterations, k, rss, verification, fails … }
export function makeRun(seed, ms, spec) {
  const rng = random(seed);
  const config = { threads: '1', batch: '1', graph_optimization: 'all', scenario: 'single', ...spec.config };
  const run = {
    v: 1,
    id: uuid(rng, ms),
    started_at: new Date(ms).toISOString(),
    finished_at: new Date(ms + spec.k * 4000).toISOString(),
    status: spec.status || 'complete',
    planned: spec.k,
    invocations: spec.k,
    model: spec.model,
    variant: spec.variant,
    variant_sha256: sha(spec.model + spec.variant),
    variant_bytes: 9_700_000,
    format: spec.format || 'onnx',
    runtime: spec.runtime,
    runtime_version: spec.version || '1.32.0',
    provider: spec.provider,
    device: spec.device,
    device_key: sha(`device ${spec.device}`),
    device_facts: DEVICE.map(([name, value, hard]) => ({
      name,
      value: name === 'cpu.model' && spec.device === 'laptop' ? 'Example CPU 4-core @ 3.1 GHz' : value,
      hard,
    })),
    config_key: sha(JSON.stringify([spec.runtime, spec.provider, config])),
    config,
    inputs: [
      {
        name: 'audio',
        dtype: 'float32',
        dims: [1, 15600],
        model_dims: [-1, 15600],
        source: 'seeded',
        low: -1,
        high: 1,
        assumed: ['dim 0 = 1', 'values in [-1, 1)'],
      },
    ],
    outputs: [{ name: 'logits', dtype: 'float32', dims: [1, 1001], model_dims: [-1, 1001], assumed: [] }],
    seed: 42,
    ...(spec.commit ? { commit: spec.commit } : {}),
    labels: spec.labels || {},
    command: `inferometer run ${spec.variant}.onnx --runtime ${spec.runtime} --threads ${config.threads} --invocations ${spec.k}`,
    tool_version: '0.1.0',
    method_version: spec.method || 1,
    verification: spec.verification,
    trust: 'not_assessed',
    trust_reasons: [],
  };
  const raw = new Map(); // n -> what the sample blocks hold
  const invocations = Array.from({ length: spec.k }, (_, n) => invocation(run, n, rng, spec, raw));
  return { run, invocations, raw };
}

const BASE = {
  model: 'nmp',
  variant: 'onnx-fp32',
  runtime: 'onnxruntime',
  provider: 'cpu',
  device: 'bench-01',
  typical: 3.2e6,
  spread: 0.02,
  iterations: 600,
  k: 10,
  rss: 38e6,
  verification: 'verified',
  commit: 'a1b2c3d4e5f60718293a4b5c6d7e8f9001122334',
};
export const NAMED = {
  plain: {},
  slower: {
    typical: 3.46e6,
    config: { graph_optimization: 'off' },
    commit: '77d0aa01b2c3d4e5f60718293a4b5c6d7e8f9001',
  },
  wrong: { variant: 'onnx-int8', verification: 'wrong', typical: 1.9e6 },
  crashed: {
    variant: 'onnx-fp16',
    fails: [0, 3, 7],
    warnings: ['2 involuntary context switches a second in the timed phase'],
  },
  dead: {
    variant: 'tflite-int8',
    runtime: 'litert',
    version: '2.14.0',
    status: 'failed',
    k: 3,
    fails: [0, 1, 2],
    verification: 'no_reference',
  },
  few: {
    model: 'magika',
    variant: 'magika',
    k: 3,
    iterations: 200,
    verification: 'no_reference',
    typical: 41e3,
    rss: 21e6,
    commit: '',
  },
  unicode: {
    model: 'Übersetzer-模型-модель',
    variant: 'a_very_long_variant_name_as_exporters_like_to_make_them_fp16_dynamic_axes_opset17',
    device: 'Prüfstand Nord – Gerät №7 (rack B)',
    verification: 'no_reference',
    random: true,
  },
  elsewhere: { device: 'laptop', typical: 2.1e6 },
};
export const SPECIAL = {
  long: { ...BASE, iterations: 25_000, k: 2, model: 'long' },
  markup: {
    ...BASE,
    model: '<img src=x onerror=alert(1)>',
    variant: '"><script>alert(2)</script>',
    k: 2,
    iterations: 20,
    plain: true,
    labels: { note: '<i>& more</i>' },
  },
  fresh: { ...BASE, model: 'fresh', k: 6, iterations: 50 },
};
export const named = (name, index, now) =>
  makeRun(1000 + index, now - 60_000 * (index + 1), { ...BASE, ...NAMED[name] });

// a long list: small runs, so that seeding stays quick
export function many(count, now) {
  return Array.from({ length: count }, (_, i) => {
    const rng = random(i + 7);
    const model = ['nmp', 'silero_vad', 'magika'][i % 3];
    return makeRun(5000 + i, now - 3_600_000 - i * 420_000, {
      ...BASE,
      model,
      variant: `${model}-fp32`,
      k: 6,
      iterations: 40,
      plain: true,
      typical: [3.2e6, 180e3, 41e3][i % 3] * (1 + rng() * 0.1),
      device: ['bench-01', 'bench-02'][i % 2],
      verification: ['verified', 'no_reference', 'verified', 'cross_checked'][i % 4],
    });
  });
}
