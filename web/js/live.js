// Whether the page follows new data. Off by the pause key, and while the tab is hidden; polling with ETags,
// so that an unchanged list costs a 304 and nothing on the page moves.
import { useEffect, useRef, useState } from './dom.js';

export const POLL_MS = 3000;
const listeners = new Set();
let paused = false;

export function setPaused(value) {
  paused = value;
  listeners.forEach(listener => listener(value));
}
export const togglePaused = () => setPaused(!paused);

export function usePaused() {
  const [value, setValue] = useState(paused);
  useEffect(() => {
    listeners.add(setValue);
    return () => listeners.delete(setValue);
  }, []);
  return value;
}

// Calls `ask` (async) every POLL_MS while active, visible and not paused; never two at a time.
export function usePolling(ask, active) {
  const latest = useRef();
  latest.current = ask;
  useEffect(() => {
    if (!active) {
      return undefined;
    }
    let running = false;
    const turn = async () => {
      if (running || paused || document.visibilityState !== 'visible') {
        return;
      }
      running = true;
      try {
        await latest.current();
      } finally {
        running = false;
      }
    };
    const timer = setInterval(turn, POLL_MS);
    document.addEventListener('visibilitychange', turn);
    return () => {
      clearInterval(timer);
      document.removeEventListener('visibilitychange', turn);
    };
  }, [active]);
}
