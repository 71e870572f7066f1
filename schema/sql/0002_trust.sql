-- How steady an invocation was and how it was issued, what samplers read, and the verdict on a run that the daemon
-- computed when it was closed. Runs of before were not assessed, whatever their client claimed.

ALTER TABLE invocation ADD COLUMN run_order INTEGER;          -- position in the experiment; NULL: not interleaved
ALTER TABLE invocation ADD COLUMN steady_class INTEGER;       -- too few, flat, warmup, slowdown, no steady state
ALTER TABLE invocation ADD COLUMN mser_share REAL;
ALTER TABLE invocation ADD COLUMN mser_ratio REAL;
ALTER TABLE invocation ADD COLUMN drift_p REAL;
ALTER TABLE invocation ADD COLUMN drift_ratio REAL;
ALTER TABLE invocation ADD COLUMN outlier_share REAL;
ALTER TABLE invocation ADD COLUMN iqr_ratio REAL;
ALTER TABLE invocation ADD COLUMN batch_calls INTEGER;        -- calls in one sample; NULL: one
ALTER TABLE invocation ADD COLUMN lateness_p99_ns INTEGER;    -- of the generator; NULL: closed loop
ALTER TABLE invocation ADD COLUMN lateness_max_ns INTEGER;
ALTER TABLE invocation ADD COLUMN energy_uj_per_inference REAL;

ALTER TABLE sample ADD COLUMN lateness BLOB;                  -- codec block of actual less intended starts

-- Apart from the bodies: most that is asked of an invocation is asked without its lanes.
CREATE TABLE lane (
    key INTEGER PRIMARY KEY,       -- of the invocation
    head TEXT NOT NULL,            -- JSON: the groups and their lanes without a value
    blocks BLOB NOT NULL           -- for each group its length and a codec block: times, then each lane, as differences
) STRICT;

ALTER TABLE run ADD COLUMN experiment BLOB CHECK (experiment IS NULL OR length(experiment) = 16); -- UUID
ALTER TABLE run ADD COLUMN scenario INTEGER DEFAULT 0;        -- single, multi, offline, paced, server, sustained; NULL: another word
ALTER TABLE run ADD COLUMN trust_line TEXT;                   -- NULL: not assessed
ALTER TABLE run ADD COLUMN energy_uj_per_inference REAL;      -- median over the ok invocations
ALTER TABLE run_body ADD COLUMN trust TEXT;                   -- JSON: state, line, findings, unobserved
ALTER TABLE run_body ADD COLUMN ops TEXT;                     -- JSON: operators of the profile, not in the body

CREATE INDEX run_by_experiment ON run (experiment, started_at_ms, id) WHERE experiment IS NOT NULL;

UPDATE run_body SET body = json_remove(body, '$.trust', '$.trust_reasons')
WHERE key IN (SELECT key FROM run WHERE trust <> 0);
UPDATE run SET trust = 0 WHERE trust <> 0;
