// The stand-in's replies about trust, scenarios, lanes, operators and pairs. Shapes are those of the daemon, numbers
// only plausible.
const rank = (sorted, pm) => sorted[Math.max(0, Math.ceil((sorted.length * pm) / 10000) - 1)];
const ascending = values => [...values].sort((a, b) => a - b);

export function trustOf(run) {
  const findings = run.trust_findings || [];
  const unobserved = run.trust_unobserved || [];
  const codes = findings
    .filter(f => f.severity !== 'note')
    .map(f => f.code)
    .join(', ');
  const line = [
    codes ? `${run.trust}: ${codes}` : run.trust,
    unobserved.length ? `${unobserved.join(', ')} not observed` : '',
  ]
    .filter(Boolean)
    .join('; ');
  return { state: run.trust, line, findings, unobserved };
}

export function steadiness(i, raw) {
  if (i.status !== 'ok' || !raw) {
    return {};
  }
  const bad = i.warmup_end === 'cap';
  return {
    steady_class: bad ? 'slowdown' : 'flat',
    mser_share: bad ? 0.22 : 0,
    drift_p: bad ? 0.0004 : 0.61,
    drift_ratio: bad ? 1.031 : 1.0004,
    outlier_share: bad ? 0.016 : 0.004,
    iqr_ratio: 0.027,
    sample_calls: 1,
    lateness_p99_ns: raw.lateness ? rank(ascending(raw.lateness), 9900) : null,
    unfinished: 0,
  };
}

export function scenarioOf(e) {
  const kind = e.run.config.scenario;
  if (!kind || kind === 'single') {
    return null;
  }
  const empty = Object.fromEntries(
    [
      'rate_per_s',
      'achieved_per_s',
      'period_ns',
      'missed',
      'missed_share',
      'lateness_p99_ns',
      'bound_ns',
      'bound_percentile',
      'over_bound',
      'at_bound_ns',
      'early_ns',
      'knee_ns',
      'first_p50_ns',
      'last_p50_ns',
      'reason',
    ].map(key => [key, null]),
  );
  const lateness_p99_ns = e.rows[0].lateness_p99_ns ?? null;
  return {
    kind,
    ...empty,
    queries: e.rows[0].iterations,
    unfinished: 0,
    passed: true,
    overloaded: false,
    valid: true,
    lateness_p99_ns,
    ...(kind === 'server' ? { rate_per_s: 250, achieved_per_s: 249.2, bound_ns: 10e6 } : {}),
    ...(kind === 'paced' ? { period_ns: 40e6, missed: 31, missed_share: 0.0052 } : {}),
    ...(kind === 'sustained' ? { knee_ns: 17.2e9, first_p50_ns: 3.19e6, last_p50_ns: 3.71e6 } : {}),
  };
}

// a value that could not be read is null
const holed = groups =>
  groups.map(g => ({
    ...g,
    lanes: g.lanes.map(l =>
      l.unit === 'furlong' ? { ...l, values: l.values.map((v, at) => (at % 9 === 4 ? null : v)) } : l,
    ),
  }));

export function lanesReply(e, query) {
  const n = Number(query.get('invocation') ?? e.rows.find(i => i.status === 'ok')?.n);
  const i = e.invocations.find(one => one.n === n);
  return { run: e.run.id, invocation: n, steady_ns: i?.steady_ns ?? 0, groups: holed(i?.lanes || []) };
}

export function opsReply(e) {
  const p = e.run.profile;
  return {
    run: e.run.id,
    profile: p
      ? { ...p, perturbation: p.p50_ns / p.unprofiled_p50_ns, unattributed_ns: p.p50_ns - p.attributed_ns }
      : null,
  };
}

export function windowsReply(e, query) {
  const n = Number(query.get('invocation') ?? e.rows.find(i => i.status === 'ok')?.n);
  const i = e.invocations.find(one => one.n === n);
  const values = i?.latency_ns || [];
  const total = values.reduce((a, b) => a + b, 0);
  const width_ns = Number(query.get('width_ns')) || Math.ceil(total / 60);
  const reply = {
    run: e.run.id,
    invocation: n,
    width_ns,
    t_ns: [],
    p50_ns: [],
    p90_ns: [],
    n: [],
    lateness_p99_ns: null,
  };
  const parts = [];
  let t = 0;
  values.forEach((v, at) => {
    const slow = e.run.config.scenario === 'sustained' && at > values.length * 0.6 ? 1.16 : 1;
    (parts[Math.floor(t / width_ns)] ||= []).push(v * slow);
    t += v;
  });
  parts.forEach((part, at) => {
    const s = ascending(part);
    reply.t_ns.push(at * width_ns);
    reply.p50_ns.push(Math.round(rank(s, 5000)));
    reply.p90_ns.push(Math.round(rank(s, 9000)));
    reply.n.push(s.length);
  });
  return reply;
}

// -- pairs of an experiment -------------------------------------------------------------------------------
export function experimentOf(a, b) {
  const id = a.run.experiment?.id;
  return id && id === b.run.experiment?.id
    ? a.rows.filter(i => i.status === 'ok' && b.rows.some(j => j.n === i.n && j.status === 'ok')).length
    : 0;
}

const valueOf = (i, metric) =>
  metric === 'peak_rss_bytes'
    ? i.memory_steady?.peak_rss_bytes
    : metric === 'cpu_ns_per_inference'
      ? i.cpu_ns / i.iterations
      : i[metric];

export function pairedMetric(row, a, b) {
  const logs = a
    .filter(i => i.status === 'ok')
    .map(i =>
      Math.log(
        valueOf(
          b.find(j => j.n === i.n),
          row.metric,
        ) / valueOf(i, row.metric),
      ),
    )
    .sort((x, y) => x - y);
  const mean = logs.reduce((x, y) => x + y, 0) / logs.length;
  const sd = Math.sqrt(logs.reduce((x, y) => x + (y - mean) ** 2, 0) / (logs.length - 1));
  return {
    ...row,
    ratio: Math.exp(mean),
    low: Math.exp(logs[1]),
    high: Math.exp(logs.at(-2)),
    detectable: (2.8 * sd) / Math.sqrt(logs.length),
  };
}
