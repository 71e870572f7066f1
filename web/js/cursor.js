// The time axis of one invocation, shared by what draws over it: where the reader points (a live value, not in the
// address) and which stretch is shown (t=FROM_TO in the address, ns from the begin of the timed phase).
import { setQuery } from './router.js';

const listeners = new Set();
let now = null;

export const at = () => now;
export function point(t) {
  if (t !== now) {
    now = t;
    listeners.forEach(listener => listener(t));
  }
}
export function follow(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function stretchOf(query) {
  const parts = /^(-?\d+)_(-?\d+)$/.exec(query.get('t') || '');
  return parts && Number(parts[2]) > Number(parts[1]) ? [Number(parts[1]), Number(parts[2])] : null;
}
export const setStretch = (from, to) => setQuery({ t: `${Math.floor(from)}_${Math.ceil(to)}` });
