// What goes with a made-up run beside its latencies: sampler lanes, energy, operator profile, allocations, a search
// for capacity, lateness, the order of an experiment, trust. The same on every call; nothing here was measured.
import { codecBlock, makeRun, normal, random } from './seed.mjs';

const MS = 1e6;

// -- sampler lanes ----------------------------------------------------------------------------------------
function walk(rng, count, from, step, low, high) {
  let at = from;
  return Array.from({ length: count }, () => {
    at = Math.max(low, Math.min(high, at + step * normal(rng)));
    return Math.round(at);
  });
}
function counter(rng, t, perSecond, spread = 0.05) {
  let at = 1000 + Math.floor(rng() * 1e6);
  return t.map((now, i) => {
    at += i ? ((now - t[i - 1]) / 1e9) * perSecond * Math.max(0, 1 + spread * normal(rng)) : 0;
    return Math.round(at);
  });
}

export function lanesOf(rng, steadyNs, spec) {
  const period = spec.sparse ? 0 : 50 * MS;
  const t = spec.sparse ? [-400 * MS, 0, steadyNs] : [];
  for (let at = -500 * MS; !spec.sparse && at < steadyNs + period; at += period) {
    t.push(Math.round(at + rng() * MS));
  }
  const n = t.length;
  const lane = (name, unit, kind, scope, values) => ({ name, unit, kind, scope, values });
  const group = (sampler, lanes) => ({
    sampler,
    sparse: !!spec.sparse,
    period_ns: period,
    cost_ns: Math.round(n * 9000),
    t_ns: t,
    lanes,
  });
  const hot = spec.throttles ? t.map(at => (at > steadyNs * 0.6 ? 1 : 0)) : t.map(() => 0);
  return [
    group('proc', [
      lane('process_cpu_ns', 'ns', 'counter', 'process', counter(rng, t, 0.98e9, 0.01)),
      lane('minor_faults', 'count', 'counter', 'process', counter(rng, t, 12, 0.8)),
      lane(
        'major_faults',
        'count',
        'counter',
        'process',
        t.map(() => 3),
      ),
      lane('involuntary_switches', 'count', 'counter', 'process', counter(rng, t, 14, 0.7)),
      lane('host_busy_ns', 'ns', 'counter', 'host', counter(rng, t, 1.12e9, 0.06)),
      lane('steal_ns', 'ns', 'counter', 'host', counter(rng, t, spec.steal ? 31e6 : 0, 0.6)),
      lane('psi_cpu_some_us', 'us', 'counter', 'host', counter(rng, t, 9000, 0.7)),
      lane('load_milli', 'milli', 'gauge', 'host', walk(rng, n, 1050, 15, 300, 4000)),
    ]),
    group('freq', [
      lane(
        'busy_khz',
        'kHz',
        'gauge',
        'host',
        walk(rng, n, 3_400_000, 9000, 2_200_000, 3_500_000).map((v, i) => v - hot[i] * 600_000),
      ),
      lane(
        'limit_khz',
        'kHz',
        'gauge',
        'host',
        t.map((_, i) => 3_500_000 - hot[i] * 700_000),
      ),
    ]),
    group('thermal', [
      lane(
        'max_mc',
        'mC',
        'gauge',
        'host',
        t.map((at, i) =>
          Math.round(46000 + 9000 * (1 - Math.exp(-Math.max(0, at + 5e8) / 1e9)) + 250 * normal(rng) + hot[i] * 6000),
        ),
      ),
      lane(
        'throttle_count',
        'count',
        'counter',
        'host',
        t.map((_, i) => 7 + hot[i] * 2),
      ),
    ]),
    ...(spec.odd
      ? [
          group('<i>odd</i>', [
            lane(
              '<img src=x onerror=alert(1)>',
              'furlong',
              'gauge',
              'device',
              t.map((_, i) => i),
            ),
            lane(
              'flat_bytes',
              'bytes',
              'gauge',
              'device',
              t.map(() => 4096),
            ),
          ]),
        ]
      : []),
    group('rapl', [
      lane('package_0', 'uJ', 'energy', 'device', counter(rng, t, 14.2e6, 0.05)),
      lane('core', 'uJ', 'energy', 'device', counter(rng, t, 9.1e6, 0.08)),
    ]),
  ];
}

export function energyOf(rng, steadyNs) {
  const seconds = steadyNs / 1e9;
  const rail = (name, watts, counted) => ({
    rail: name,
    counted,
    energy_uj: Math.round(watts * 1e6 * seconds * (1 + 0.02 * normal(rng))),
    window_ns: steadyNs,
    idle_uw: Math.round(watts * 0.31 * 1e6),
    updates: Math.round(seconds * 980),
  });
  return [rail('package_0', 14.2, true), rail('core', 9.1, false)];
}

// -- operator profile -------------------------------------------------------------------------------------
export function profileOf(rng, p50, factor = 1.06) {
  const types = ['Conv', 'Conv', 'Conv', 'Relu', 'Add', 'MatMul', 'Softmax', 'GlobalAveragePool', 'Reshape', 'Resize'];
  const ops = Array.from({ length: 42 }, (_, i) => ({
    name: i === 7 ? '<b>block_7</b>/conv' : `features/block_${i}/${types[i % 10].toLowerCase()}`,
    type: types[i % 10],
    provider: types[i % 10] === 'Resize' ? 'CPUExecutionProvider' : 'XnnpackExecutionProvider',
    shapes: i % 3 ? '1x64x56x56 -> 1x64x56x56' : '',
    calls: 50,
    total_ns: Math.round(((p50 * 50 * 0.93) / 42) * Math.exp(0.9 * normal(rng))),
  })).sort((a, b) => b.total_ns - a.total_ns);
  const sum = ops.reduce((total, op) => total + op.total_ns, 0);
  const scale = (p50 * 50 * 0.91 * factor) / sum;
  ops.forEach(op => {
    op.total_ns = Math.round(op.total_ns * scale);
  });
  return {
    ops,
    inferences: 50,
    p50_ns: Math.round(p50 * factor),
    unprofiled_p50_ns: Math.round(p50),
    attributed_ns: Math.round(ops.reduce((total, op) => total + op.total_ns, 0) / 50),
    fallback_share:
      ops.filter(op => op.provider.startsWith('CPU')).reduce((s, op) => s + op.total_ns, 0) /
      ops.reduce((s, op) => s + op.total_ns, 0),
  };
}

export function capacityOf() {
  const rate = (rate_per_s, passed, latency_ns) => ({
    rate_per_s,
    passed,
    queries: Math.round(rate_per_s * 10),
    over_bound: passed ? 12 : 900,
    latency_ns,
    lateness_ns: 41_000,
  });
  return {
    bound_ns: 10 * MS,
    percentile: 9900,
    max_per_s: 281.25,
    failing_per_s: 287.5,
    rates: [
      rate(100, true, 5.1 * MS),
      rate(200, true, 6.4 * MS),
      rate(400, false, 912 * MS),
      rate(300, false, 41 * MS),
      rate(250, true, 7.9 * MS),
      rate(275, true, 9.1 * MS),
      rate(287.5, false, 12.4 * MS),
      rate(281.25, true, 9.8 * MS),
    ],
  };
}

// -- the runs ---------------------------------------------------------------------------------------------
const EXPERIMENT = '01890000-0000-7000-8000-00000000e0e0';
const BASE = {
  model: 'mobilenet_v3',
  variant: 'fp32',
  runtime: 'onnxruntime',
  provider: 'cpu',
  device: 'bench-01',
  typical: 3.2e6,
  spread: 0.02,
  iterations: 600,
  k: 10,
  rss: 52e6,
  verification: 'verified',
  commit: 'c0ffee01b2c3d4e5f60718293a4b5c6d7e8f9001',
  method: 2,
  lanes: {},
  energy: true,
};
const finding = (code, severity, text, remedy, invocations, value, limit) => ({
  code,
  severity,
  text,
  remedy,
  invocations,
  value,
  limit,
});
export const TROUBLES = [
  finding(
    'not_steady',
    'untrusted',
    'No steady state was reached in 3 invocations.',
    'Measure longer, or look at the time-line for what changes.',
    3,
  ),
  finding(
    'steal',
    'caution',
    'the hypervisor took CPU time away: 3.1 % (limit 1 %)',
    'use a machine, or virtual CPUs, of your own',
    10,
    0.031,
    0.01,
  ),
  finding(
    'major_faults',
    'caution',
    'Pages were read from storage in the timed phase: 12, in 3 of 10 invocations.',
    'Leave more memory free, warm up longer (--warmup).',
    3,
    12,
    0,
  ),
  finding(
    'sampler_sparse',
    'note',
    'The samplers read at the ends of phases only: no core was spare.',
    'Leave one core free: --threads 1, or fewer --cpus.',
    10,
  ),
];

// -- outputs, precision, accuracy ---------------------------------------------------------------------------
const LABELS = '7'.repeat(64);
// the first `wrong` samples of `from` on were not right
function accuracyOf(samples, from, wrong) {
  const bits = Buffer.alloc(Math.ceil(samples / 8));
  for (let i = 0; i < samples; i++) {
    bits[i >> 3] |= i >= from && i < from + wrong ? 0 : 1 << (i % 8);
  }
  const right = samples - wrong;
  return { samples, correct: right, skipped: 3, output: 'logits', labels_sha256: LABELS, correct_bits: bits.toString('base64') };
}
const library = (name, version, digit) => ({
  name,
  version,
  sha256: digit.repeat(64),
  source: 'installed',
  path: '/home/somebody/lib/x.so',
  bytes: 48_000_000,
});
const compared = (passed, more) => ({
  output: 'logits',
  passed,
  elements: 1001,
  mismatched: passed ? 0 : 9,
  max_abs: 0.0071,
  mean_abs: 0.0009,
  cosine: 0.99998,
  snr_db: 44.2,
  psnr_db: 52.9,
  top1_agreement: 1,
  rtol: 0.02,
  atol: 0.008,
  rule: 'bfloat16',
  ...more,
});
const check = (name, state, output) => ({ name, verification: { state, outputs: [output] } });
const PRECISE = {
  library: library('libonnxruntime.so', '1.32.0', '9'),
  precision: 'float32',
  variant_precision: 'fp32',
  deployed_bytes: 57_700_000,
  placement: [
    { provider: 'XnnpackExecutionProvider', operators: 90 },
    { provider: 'CPUExecutionProvider', operators: 10 },
  ],
  accuracy: accuracyOf(10_000, 0, 800),
};
const COARSE = {
  library: library('libopenvino_c.so', '2026.4.1', 'a'),
  precision: 'bfloat16',
  variant_precision: 'float32',
  variant_made_by: 'torch.onnx.export, opset 17 <b>',
  deployed_bytes: 61_465_801,
  placement: [{ provider: 'CPU', operators: 0 }],
  accuracy: accuracyOf(10_000, 40, 860),
  checks: [
    check('input set 2', 'verified', compared(true)),
    check('cross-check', 'cross_checked', compared(true, { against: 'fp32 · onnxruntime' })),
    check(
      'cross-check',
      'no_reference',
      compared(false, { against: 'fp32 · litert', reason: '9 of 1,001 elements differ' }),
    ),
  ],
};

export const RICH = {
  arm_a: { provider: 'xnnpack', experiment: [EXPERIMENT, 0, 2], profile: 1.06, allocations: true },
  arm_b: { provider: 'xnnpack', experiment: [EXPERIMENT, 1, 2], variant: 'int8', typical: 2.1e6, profile: 1.23 },
  troubled: {
    variant: 'fp16',
    lanes: { steal: true, throttles: true, odd: true },
    trust: 'untrusted',
    findings: TROUBLES,
    flagged: [1, 4, 8],
    unobserved: ['clock', 'temperature'],
    spread: 0.06,
  },
  sparse: { variant: 'sparse', lanes: { sparse: true }, unobserved: ['clock', 'temperature', 'throttling', 'energy'] },
  server: {
    variant: 'served',
    scenario: 'server',
    config: { rate: '312', bound_ns: '10000000', bound_percentile: '9900' },
    arrivals: true,
  },
  paced: { variant: 'paced', scenario: 'paced', config: { period_ns: '3400000' }, arrivals: true },
  sustained: { variant: 'sustained', scenario: 'sustained', iterations: 9000, k: 2 },
  capacity: { variant: 'capacity', scenario: 'server', capacity: true, k: 3, arrivals: true },
  precise: { model: 'fashion', facts: PRECISE, k: 6 },
  coarse: {
    model: 'fashion',
    facts: COARSE,
    k: 6,
    typical: 1.9e6,
    runtime: 'openvino',
    verification: 'cross_checked',
    output: compared(true, { against: 'fp32 · onnxruntime' }),
  },
  external: { model: 'fashion', variant: 'bench', runtime: 'exec', provider: 'external', facts: { external: true }, k: 6 },
  emulated: { model: 'fashion', typical: 0.4e6, facts: { emulator: 'qemu-aarch64' }, k: 6, trust: 'untrusted' },
  badcheck: {
    model: 'fashion',
    typical: 0.3e6,
    k: 6,
    facts: { checks: [check('input set 3', 'wrong', compared(false, { reason: '9 of 1,001 elements differ' }))] },
  },
};
export const rich = (name, index, now) =>
  enrich(
    makeRun(2000 + index, now - 60_000 * (20 + index), { ...BASE, ...RICH[name] }),
    { ...BASE, ...RICH[name] },
    random(700 + index),
  );

function order(n, [, arm, arms]) {
  return n * arms + ((n * 7 + 3) % 3 === 1 ? (arm + 1) % arms : arm);
}

function enrich(made, spec, rng) {
  const { run, invocations, raw } = made;
  const p50 = spec.typical;
  Object.assign(run, {
    method_version: 2,
    trust: spec.trust || 'trusted',
    trust_findings: spec.findings || [],
    trust_unobserved: spec.unobserved || [],
    ...(spec.scenario ? { config: { ...run.config, scenario: spec.scenario } } : {}),
    ...(spec.experiment
      ? { experiment: { id: spec.experiment[0], seed: 1234, arms: spec.experiment[2], arm: spec.experiment[1] } }
      : {}),
    ...(spec.profile ? { profile: profileOf(rng, p50, spec.profile) } : {}),
    ...(spec.allocations ? { allocations: { inferences: 100, allocations: 1400, frees: 1400, bytes: 921_600 } } : {}),
    ...(spec.capacity ? { capacity: capacityOf() } : {}),
    ...(spec.facts || {}),
  });
  for (const i of invocations.filter(one => one.status === 'ok')) {
    const bad = spec.flagged?.includes(i.n);
    if (spec.output) {
      i.verification.outputs.forEach(one => Object.assign(one, spec.output, { output: one.output }));
    }
    Object.assign(i, {
      ...(spec.facts?.emulator ? { emulator: spec.facts.emulator } : {}),
      ...(spec.experiment ? { order: order(i.n, spec.experiment) } : {}),
      warmup_end: bad ? 'cap' : 'converged',
      memory_steady: { ...i.memory_steady, major_faults: bad ? 12 : 0 },
      cold: { level: 'C1', pages: 2400, resident: 2400 },
      memory_end: {
        pss_bytes: Math.round(spec.rss * 0.91),
        uss_bytes: Math.round(spec.rss * 0.82),
        allocator_peak_bytes: Math.round(spec.rss * 0.4),
      },
      voluntary_switches: 4,
      suspended_ns: 0,
      clock_ratio: 1.000004,
      sandboxed: true,
      lanes: lanesOf(rng, i.steady_ns, spec.lanes),
      energy: spec.energy ? energyOf(rng, i.steady_ns) : [],
    });
    if (spec.arrivals) {
      const steady = raw.get(i.n).steady;
      raw.get(i.n).lateness = steady.map(() => Math.round(20_000 + 15_000 * Math.abs(normal(rng))));
      const block = i.samples?.find(s => s.phase === 'steady');
      if (block) {
        block.lateness = codecBlock(raw.get(i.n).lateness);
      }
    }
  }
  return made;
}
