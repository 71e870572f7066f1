// API: how to script this. Rendered from the daemon's own /openapi.json, so that it cannot differ from it.
import { html, useState } from '../dom.js';
import { BASE, useResource } from '../api.js';
import { Badge, Command, Failure, Loading, Table } from '../parts.js';

const METHODS = ['get', 'put', 'post', 'patch', 'delete'];

function resolve(doc, node) {
  let at = node;
  for (let i = 0; at?.$ref?.startsWith('#/') && i < 8; i++) {
    at = at.$ref.slice(2).split('/').reduce((o, key) => o?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], doc);
  }
  return at || {};
}

const nameOf = node => (node?.$ref ? node.$ref.split('/').pop().replace(/\.(schema\.)?json$/, '') : '');

function typeOf(doc, schema) {
  const own = resolve(doc, schema);
  const type = Array.isArray(own.type) ? own.type.join(' or ') : own.type;
  if (own.anyOf || own.oneOf) {
    return (own.anyOf || own.oneOf).map(one => typeOf(doc, one)).join(' or ');
  }
  if (own.type === 'array') {
    return `${typeOf(doc, own.items || {})}[]`;
  }
  return (own.enum && own.enum.map(v => JSON.stringify(v)).join(' | ')) || nameOf(schema) || type || 'any';
}

function limits(schema) {
  const names = {
    minimum: '≥', maximum: '≤', maxLength: 'length ≤', maxItems: 'items ≤', default: 'default', format: '',
  };
  return Object.entries(names).filter(([key]) => schema[key] !== undefined)
    .map(([key, text]) => `${text} ${schema[key]}`.trim()).join(', ');
}

// The bodies' schemas are files of their own, named by the document; each is asked for when it is looked at.
function Properties({ doc, schema, label }) {
  const file = /^[^#]*?([\w-]+\.schema\.json)$/.exec(schema?.$ref || '');
  const { data, error } = useResource(file ? `${BASE}/schemas/${file[1]}` : null);
  if (file) {
    return data ? html`<${PropertyTable} doc=${data} schema=${data} label=${label} />`
      : error ? html`<${Failure} error=${error} />` : html`<${Loading} />`;
  }
  return html`<${PropertyTable} doc=${doc} schema=${schema} label=${label} />`;
}

function PropertyTable({ doc, schema, label }) {
  const own = resolve(doc, schema);
  const required = new Set(own.required || []);
  const rows = Object.entries(own.properties || {});
  return rows.length > 0 ? html`<${Table} className="stack" caption=${label} rows=${rows} columns=${[
    { key: 'n', title: 'Field',
      cell: ([name]) => html`<code>${name}</code>${required.has(name) ? html` <span
        class="muted">required</span>` : ''}` },
    { key: 't', title: 'Type', cell: ([, s]) => html`<span class="mono wrap">${typeOf(doc, s)}</span>` },
    { key: 'd', title: 'Meaning',
      cell: ([, s]) => html`${s.description || resolve(doc, s).description || ''} <span
        class="muted">${limits(resolve(doc, s))}</span>` },
  ]} />` : html`<p class="mono wrap">${typeOf(doc, schema)}</p>`;
}

function contentOf(node) {
  const [type, media] = Object.entries(node?.content || {})[0] || [];
  return type ? { type, schema: media.schema } : null;
}

function example(method, path, parameters, body) {
  const wanted = parameters.filter(p => p.in === 'query' && p.required)
    .map(p => `${p.name}=${p.example ?? `{${p.name}}`}`);
  const sent = body ? " -H 'Content-Type: application/json' --data @body.json" : '';
  const url = `${location.origin}${path}${wanted.length ? `?${wanted.join('&')}` : ''}`;
  const quoted = /[?&{]/.test(url) ? `'${url}'` : url;
  return method === 'get' ? `curl -s ${quoted}`
    : `curl -s -X ${method.toUpperCase()}${sent} ${quoted}`;
}

function Operation(props) {
  const [open, setOpen] = useState(false);
  const { path, method, item } = props;
  return html`<details class="panel operation" id=${`${method}-${path.replaceAll(/[^a-z0-9]+/gi, '-')}`}
    onToggle=${event => setOpen(event.target.open)}>
    <summary><span class=${`method ${method}`}>${method.toUpperCase()}</span> <code>${path}</code>${' '}
      <span class="muted">${item[method].summary || ''}</span></summary>
    ${open && html`<${OperationBody} ...${props} />`}</details>`;
}

function OperationBody({ doc, path, method, item }) {
  const op = item[method];
  const parameters = [...(item.parameters || []), ...(op.parameters || [])].map(p => resolve(doc, p));
  const body = contentOf(resolve(doc, op.requestBody));
  const responses = Object.entries(op.responses || {}).map(([status, r]) => [status, resolve(doc, r)]);
  const ok = responses.find(([status]) => status.startsWith('2'));
  const reply = ok && contentOf(ok[1]);
  return html`${op.description && html`<p>${op.description}</p>`}
    <${Command} text=${example(method, path, parameters, body)} label=${`curl example of ${method} ${path}`} />
    ${parameters.length > 0 && html`<h3>Parameters</h3><${Table} className="stack" caption="Parameters"
      rows=${parameters} columns=${[
    { key: 'n', title: 'Name',
      cell: p => html`<code>${p.name}</code>${p.required ? html` <span class="muted">required</span>` : ''}` },
    { key: 'i', title: 'In', cell: p => p.in },
    { key: 't', title: 'Type', cell: p => html`<span class="mono wrap">${typeOf(doc, p.schema || {})}</span>` },
    { key: 'd', title: 'Meaning',
      cell: p => html`${p.description || ''} <span class="muted">${limits(resolve(doc, p.schema))}</span>` }]} />`}
    ${body && html`<h3>Body <span class="muted">${body.type} ${nameOf(body.schema)}</span></h3><${Properties} doc=${doc}
      schema=${body.schema || {}} label="Fields of the body" />`}
    ${reply?.schema && html`<h3>Answer ${ok[0]} <span
      class="muted">${reply.type} ${nameOf(reply.schema)}</span></h3><${Properties}
      doc=${doc} schema=${reply.schema} label="Fields of the answer" />`}
    <h3>Statuses</h3><${Table} className="pairs" caption="Statuses" rows=${responses} columns=${[
    { key: 's', title: 'Status', cell: ([status]) => html`<code>${status}</code>` },
    { key: 'd', title: 'When', cell: ([, r]) => r.description || '' }]} />`;
}

export function Page() {
  const { data: doc, error, reload } = useResource('/openapi.json');
  const operations = Object.entries(doc?.paths || {}).map(([path, item]) => [path, resolve(doc, item)])
    .flatMap(([path, item]) => METHODS.filter(method => item[method]).map(method => ({ path, method, item })));
  const tags = doc?.tags || [];
  const tagOf = o => o.item[o.method].tags?.[0];
  const known = o => tags.some(tag => tag.name === tagOf(o));
  const groups = [...tags.map(tag => [tag, operations.filter(o => tagOf(o) === tag.name)]),
    [{}, operations.filter(o => !known(o))]].filter(([, list]) => list.length > 0);
  const prefix = doc?.servers?.[0]?.url?.replace(/\/$/, '') || '';
  const full = path => (prefix && prefix.startsWith('/') && !path.startsWith(prefix) ? prefix + path : path);
  const schemas = Object.entries(doc?.components?.schemas || {});
  return html`<div class="title-row"><h1 tabindex="-1">API</h1>${doc && html`<${Badge} state="ok"
    text=${`OpenAPI ${doc.openapi} · version ${doc.info?.version}`} />`}</div>
    <p>Everything that the pages show can be asked for. Durations are integer nanoseconds, sizes bytes, times
    RFC 3339 in UTC; errors are <code>application/problem+json</code>; answers carry an <code>ETag</code>.
    ${' '}<a href="/openapi.json" download="openapi.json">openapi.json</a></p>
    ${error && html`<${Failure} error=${error} retry=${reload} />`}
    ${!doc && !error && html`<${Loading} rows=${6} />`}
    ${groups.map(([tag, list]) => html`${tag.name && html`<h2 class="tag">${tag.name} <span
      class="muted">${tag.description}</span></h2>`}
    ${list.map(o => html`<${Operation} key=${o.method + o.path} doc=${doc} path=${full(o.path)} method=${o.method}
      item=${o.item} />`)}`)}
    ${schemas.length > 0 && html`<h2 class="tag">Schemas</h2>${schemas.map(([name, schema]) => html`<details
      class="panel operation" key=${name}
      id=${`schema-${name}`}><summary><code>${name}</code> <span
        class="muted">${schema.description || schema.title || ''}</span></summary>
      <${Properties} doc=${doc} schema=${schema} label=${`Fields of ${name}`} /></details>`)}`}
    <p class="muted">This page contains open-source software: <a href="/licences.txt">licences</a>.</p>`;
}
