// A defect of an original operator: the test that guards against it, and a change of our source that brings it
// back. With that change the guard must fail. Data only. mutants.ts makes the change in a copy, never here.

export interface Guard {
  /** From the root of the project. */
  file: string;
  /** Names of the suites that it is in, where its own would not do. */
  suite?: string;
  /** How the name of the test begins. */
  name: string;
}

/** One change of a source file. */
export interface Mutation {
  file: string;
  /** Occurs once. */
  from: string;
  to: string;
}

export interface Defect {
  /** What the original operator did, in a few words. */
  defect: string;
  guard: Guard;
  mutant: Mutation;
}

export const guard =
  (file: string, suite?: string) =>
  (name: string): Guard => ({ file, name, ...(suite ? { suite } : {}) });
export const change =
  (file: string) =>
  (from: string, to: string): Mutation => ({ file, from, to });

export const defects = 'test/workloads/defects.test.ts';

export const refusals = guard('test/contract/refusals.test.ts');

export const children = change('src/workloads/children.ts');

const identity = change('src/workloads/identity.ts');

export const leader = change('src/controllers/workload-leader.ts');

export const noStatus = change('src/workloads/status.ts')(
  "cache.observe(await client.replace(resource, { ...object, status }, { subresource: 'status' }));",
  'return {};',
);

export const sameSelector = identity(
  "'app.kubernetes.io/instance': labelValue(owner.metadata.name),",
  "'app.kubernetes.io/instance': 'app',",
);
