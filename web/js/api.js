// Reads from the daemon. Keeps the last answers in memory with their ETags: Back shows at once what was
// there and asks again behind it; a 304 costs no bytes. Nothing is written from here.
import { useCallback, useEffect, useRef, useState } from './dom.js';

export const BASE = '/api/v1';
const KEEP = 40;
const kept = new Map(); // path -> { etag, data }

export class ApiError extends Error {
  constructor({ title, detail, status, request_id: requestId }) {
    super(title);
    Object.assign(this, { title, detail, status, requestId });
  }
}

async function problem(response) {
  let body = {};
  try {
    body = await response.json();
  } catch {
    // not a problem+json body: the status line has to do
  }
  return new ApiError({
    title: body.title || `The daemon answered ${response.status}`,
    detail: body.detail,
    status: response.status,
    request_id: body.request_id || response.headers.get('x-request-id'),
  });
}

function keep(path, entry) {
  kept.delete(path);
  kept.set(path, entry);
  if (kept.size > KEEP) {
    kept.delete(kept.keys().next().value);
  }
}

// Resolves to { data, changed }.
export async function get(path, { signal } = {}) {
  const known = kept.get(path);
  const headers = { Accept: 'application/json' };
  if (known?.etag) {
    headers['If-None-Match'] = known.etag;
  }
  let response;
  try {
    response = await fetch(path, { headers, signal, cache: 'no-store', credentials: 'same-origin' });
  } catch (error) {
    if (error.name === 'AbortError') {
      throw error;
    }
    throw new ApiError({
      title: 'The daemon does not answer',
      detail: `Is inferometerd still running at ${location.origin}?`,
    });
  }
  if (response.status === 304 && known) {
    return { data: known.data, changed: false };
  }
  if (!response.ok) {
    throw await problem(response);
  }
  const data = await response.json();
  keep(path, { etag: response.headers.get('etag'), data });
  return { data, changed: true };
}

export const cached = path => kept.get(path)?.data;

const IDLE = { path: null, data: undefined, error: null, busy: false };

// One resource by path; null asks nothing. While another path loads, `data` stays the last one and `busy`
// is true: a page is never blanked. With every > 0 it is asked again that often while the page is visible.
export function useResource(path, { every = 0 } = {}) {
  const [state, setState] = useState(IDLE);
  const [turn, setTurn] = useState(0);
  const reload = useCallback(() => setTurn(value => value + 1), []);
  const latest = useRef();
  latest.current = state;
  useEffect(() => {
    if (!path) {
      setState(IDLE);
      return undefined;
    }
    const stop = new AbortController();
    const show = cached(path);
    setState({ path, data: show ?? latest.current.data, error: null, busy: true, fresh: !!show });
    get(path, { signal: stop.signal }).then(
      ({ data }) => setState({ path, data, error: null, busy: false, fresh: true }),
      error => error.name !== 'AbortError' && setState({ path, data: show, error, busy: false, fresh: !!show }),
    );
    return () => stop.abort();
  }, [path, turn]);
  useEffect(() => {
    if (!path || !every) {
      return undefined;
    }
    const timer = setInterval(
      () =>
        document.visibilityState === 'visible' &&
        get(path).then(
          ({ data, changed }) => changed && setState({ path, data, error: null, busy: false, fresh: true }),
          () => {},
        ),
      every,
    );
    return () => clearInterval(timer);
  }, [path, every]);
  return { ...state, reload };
}
