// How many pods a load needs, and how fast their number may change. Pure: times are arguments.

export interface Limits {
  min: number;
  max: number;
}

export const clamp = (value: number, { min, max }: Limits): number => Math.min(max, Math.max(min, value));

/** Pods for a number of requests per second, without limits. */
export const replicasFor = (qps: number, singlePodQPS: number): number => Math.ceil(qps / singlePodQPS);

/** The number of pods that the load needed at the time `at` (ms). */
export interface Recommendation {
  at: number;
  replicas: number;
}

export interface Steps {
  /** Pods are removed only when fewer would have been enough for this long, in ms. */
  stabilizationMs: number;
  /** Maximum number of pods added, or removed, at once. Undefined: depends on the present number. */
  maxStepUp?: number | undefined;
  maxStepDown?: number | undefined;
}

/** The present number, or 4 if that is more: the default policy of the HorizontalPodAutoscaler. */
const stepUp = (current: number, { maxStepUp }: Steps): number => maxStepUp ?? Math.max(4, current);
const stepDown = (current: number, { maxStepDown }: Steps): number => maxStepDown ?? Math.ceil(current / 2);

export interface ScalingDecision {
  replicas: number;
  history: Recommendation[];
}

/**
 * The next number of pods. It rises at once. It falls only to the highest number that was needed within the
 * stabilization window, so that a load which swings does not make the pods swing.
 */
export function decide(
  current: number,
  recommended: Recommendation,
  history: readonly Recommendation[],
  steps: Steps,
  limits: Limits,
): ScalingDecision {
  const since = recommended.at - steps.stabilizationMs;
  const recent = [...history.filter(({ at }) => at > since), recommended];
  const most = Math.max(...recent.map(({ replicas }) => replicas));
  const next =
    recommended.replicas > current
      ? Math.min(recommended.replicas, current + stepUp(current, steps))
      : Math.max(Math.min(current, most), current - stepDown(current, steps));
  return { replicas: clamp(next, limits), history: recent };
}
