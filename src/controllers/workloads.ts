// The table of all workloads; adding a kind is adding a line.
import type { Workload } from '../workloads/workload.ts';

export const workloads: readonly Workload[] = [];
