// What computed, in which precision, where, how large it is to ship and how often it is right; and the outputs against
// their reference or against another run's.
import { html } from '../dom.js';
import * as f from '../format.js';
import { Badge, Table } from '../parts.js';

const NAMES = { fp32: 'float32', f32: 'float32', fp16: 'float16', f16: 'float16', half: 'float16', bf16: 'bfloat16' };
const plain = name => NAMES[name?.toLowerCase()] || name?.toLowerCase();

function precisionOf({ precision, variant_precision: claimed }) {
  if (!precision) {
    return claimed && html`${claimed} <span class="muted">as the variant says</span>`;
  }
  return plain(claimed || precision) === plain(precision) ? precision
    : html`<${Badge} state="caution" text=${precision} /> <span class="muted">the variant is ${claimed}</span>`;
}

const share = value => `${f.fixed(value * 100, 2)}`;
export const accuracyText = a => html`${share(a.value)} % <span class="range">[${share(a.low)}..${share(a.high)}]</span> <span
  class="muted">top-1, ${f.number(a.correct)} of ${f.number(a.samples)}${a.skipped > 0
  ? `, ${f.number(a.skipped)} without an answer` : ''}</span>`;

function placementOf(rows) {
  const total = rows.reduce((sum, row) => sum + row.operators, 0);
  return rows.map(row => (row.operators > 0 ? `${row.provider} ${f.plural(row.operators, 'operator')}${
    rows.length > 1 ? ` (${f.fixed(row.operators / total * 100, 0)} %)` : ''}` : row.provider)).join(', ');
}

function libraryOf({ name, version, sha256, source }) {
  return html`${name} <span class="muted">${version}</span> ${sha256 && html`<span class="mono" title=${sha256}>${
    f.shortSha(sha256)}</span>`} <span class="muted">${source?.replaceAll('_', ' ')}</span>`;
}

// rows for the facts under the title; what a run does not say is left out
export const factsOf = run => [
  ['Library', run.library?.name && libraryOf(run.library)],
  ['Precision', precisionOf(run)],
  ['Placement', run.placement?.length > 0 && placementOf(run.placement)],
  ['Accuracy', !f.absent(run.accuracy?.value) && accuracyText(run.accuracy)],
  ['Deployed', !f.absent(run.deployed_bytes) && html`${f.number(run.deployed_bytes, 'bytes')} <span
    class="muted">model and library</span>`],
  ['Made by', run.variant_made_by],
].filter(([, value]) => value);

// -- outputs -----------------------------------------------------------------------------------------------
// The worst of an output over the invocations: a mismatch in one of them is a mismatch of the run.
function outputsOf(invocations) {
  const byName = new Map();
  for (const invocation of invocations) {
    for (const output of invocation.verification?.outputs || []) {
      const row = byName.get(output.output) || { output: output.output, checked: 0, failedIn: [], worst: output };
      row.checked++;
      if (!output.passed) {
        row.failedIn.push(invocation.n);
      }
      if ((!output.passed && row.worst.passed) ||
        (output.passed === row.worst.passed && output.max_abs > row.worst.max_abs)) {
        row.worst = output;
      }
      byName.set(output.output, row);
    }
  }
  return [...byName.values()];
}

const under = (name, text) => text && text !== f.DASH && html`<span class="under">${name} ${text}</span>`;
const decibel = value => (f.absent(value) ? f.DASH : `${f.fixed(value, 1)} dB`);
const column = (key, title, cell) => ({ key, title, num: true, cell: r => cell(r.worst) });
const NUMBERS = [
  column('a', 'Max |Δ|', o => html`${f.scientific(o.max_abs)}${under('mean', f.scientific(o.mean_abs))}`),
  column('r', 'Max rel. Δ', o => f.scientific(o.max_rel)),
  column('c', 'Cosine', o => html`${f.absent(o.cosine) ? f.DASH : f.fixed(o.cosine, 6)}${
    under('same class', f.absent(o.top1_agreement) ? '' : `${f.fixed(o.top1_agreement * 100, 1)} %`)}`),
  column('n', 'SNR', o => html`${decibel(o.snr_db)}${under('PSNR', decibel(o.psnr_db))}`),
  column('t', 'Tolerance', o => html`${!f.absent(o.rtol) && `rtol ${o.rtol}, atol ${o.atol}`}${
    under(o.rule === 'given' ? '' : 'rule:', o.rule)}`),
  column('m', 'Mismatched', o => `${f.number(o.mismatched)} of ${f.number(o.elements)}`),
];

const rowsOfChecks = checks => checks.flatMap(({ name, verification: { state, outputs } }) =>
  (outputs?.length ? outputs : [{}]).map(worst => ({ name, state, worst })));

function Checked({ row: { state, worst } }) {
  const differs = worst.passed === false && state !== 'wrong'; // two arms, and nobody knows which is right
  return html`<${Badge} state=${differs ? 'caution' : state} text=${differs ? 'differs' : null} />${
    worst.against && html`<span class="under">against ${worst.against}</span>`}${
    worst.reason && html`<span class="under">${worst.reason}</span>`}`;
}

function Checks({ checks }) {
  return html`<${Table} className="stack" caption="Further checks" rows=${rowsOfChecks(checks)} columns=${[
    { key: 'o', title: 'Check', cell: r => html`${r.name}<span class="under mono">${r.worst.output}</span>` },
    { key: 's', title: 'Result', wide: true, cell: r => html`<${Checked} row=${r} />` },
    ...NUMBERS]} />`;
}

function Outputs({ rows }) {
  return html`<${Table} className="stack" caption="Outputs against their reference" rows=${rows} rowKey=${r => r.output}
    columns=${[
    { key: 'o', title: 'Output', cell: r => html`<span class="mono">${r.output}</span>` },
    { key: 's', title: 'Result', wide: true, cell: r => html`${r.failedIn.length === 0
      ? html`<${Badge} state=${r.worst.against ? 'cross_checked' : 'verified'} text=${`equal within tolerance, ${r.checked}×`} />`
      : html`<${Badge} state="wrong" text=${`WRONG in ${r.failedIn.length} of ${r.checked}`} /><span
        class="under">${r.worst.reason}</span>`}${
      r.worst.against && html`<span class="under">against ${r.worst.against}</span>`}` },
    ...NUMBERS]} />`;
}

export function Verification({ run, invocations }) {
  const rows = outputsOf(invocations);
  const checks = run?.checks || [];
  const unstable = invocations.filter(i => i.status === 'ok' && i.deterministic === false).length;
  return html`${run?.verification === 'wrong' && html`<p class="failure inline"><strong><span class="glyph"
    aria-hidden="true">≠</span>The outputs are WRONG:</strong> this run is fast or slow at computing something
    else. It is never ranked.</p>`}
  ${rows.length > 0 ? html`<${Outputs} rows=${rows} />` : checks.length > 0
    ? html`<p>No reference outputs were given; what is known of the outputs comes from the checks below.</p>`
    : html`<p>No reference outputs were given, so nothing says whether the outputs are right.
      Give them with <code>--expect reference.npz</code> or measure a bundle.</p>`}
  ${checks.length > 0 && html`<h3>Further checks</h3><${Checks} checks=${checks} />`}
  ${unstable > 0 && html`<p class="note">Outputs before and after the timed loop differed bit by bit in ${
    f.plural(unstable, 'invocation')}: this configuration is not deterministic.</p>`}`;
}
