// How many pods a load needs, and how fast their number may follow it. Pure: time comes in as a number.

export interface Limits {
  min: number;
  max: number;
}

export const clamp = (value: number, { min, max }: Limits): number => Math.min(max, Math.max(min, value));

/** Pods for so many requests per second, unlimited. */
export const replicasFor = (qps: number, singlePodQPS: number): number => Math.ceil(qps / singlePodQPS);

/** What a load asked for at a time, in ms on one clock. */
export interface Recommendation {
  at: number;
  replicas: number;
}

export interface Steps {
  /** Pods go only when fewer would have done for so long, ms. */
  stabilizationMs: number;
  /** Most pods added, or removed, at once; undefined: by the size that there is. */
  maxStepUp?: number | undefined;
  maxStepDown?: number | undefined;
}

/** As many as there are, or 4: the HorizontalPodAutoscaler's default policy for growth. */
const stepUp = (current: number, { maxStepUp }: Steps): number => maxStepUp ?? Math.max(4, current);
const stepDown = (current: number, { maxStepDown }: Steps): number => maxStepDown ?? Math.ceil(current / 2);

export interface Decision {
  replicas: number;
  history: Recommendation[];
}

/**
 * The next number of pods. Growth is followed at once; pods go only to the most that was recommended within the
 * stabilization window, so that a load which swings does not make the pods swing.
 */
export function decide(
  current: number,
  recommended: Recommendation,
  history: readonly Recommendation[],
  steps: Steps,
  limits: Limits,
): Decision {
  const since = recommended.at - steps.stabilizationMs;
  const recent = [...history.filter(({ at }) => at > since), recommended];
  const most = Math.max(...recent.map(({ replicas }) => replicas));
  const next =
    recommended.replicas > current
      ? Math.min(recommended.replicas, current + stepUp(current, steps))
      : Math.max(Math.min(current, most), current - stepDown(current, steps));
  return { replicas: clamp(next, limits), history: recent };
}
