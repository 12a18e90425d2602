// The versions of Kubernetes that Spikegate supports: from the oldest to the newest, which are built and tested.

/** The minor versions that `build` makes, newest first. Their modules are in `modules/kubernetes-<minor>`. */
export const builtMinors = ['1.37', '1.31'] as const;
export type Minor = (typeof builtMinors)[number];

export const newest: Minor = '1.37';
export const oldestMinor = 31;

/** When each release was made: programs report it as their build date. `go list -m -json k8s.io/kubernetes` has it. */
export const released: Record<Minor, string> = {
  '1.37': '2026-10-27T12:01:04Z',
  '1.31': '2024-12-10T11:37:26Z',
};

/** @throws Error when no such version is built here */
export function minorNamed(text: string): Minor {
  const minor = builtMinors.find((it) => it === text);
  if (!minor) throw new Error(`the Kubernetes version must be ${builtMinors.join(' or ')}, got ${text}`);
  return minor;
}

/** `v1.37.2` → 37 */
export function minorOf(version: string): number {
  const [, minor] = /^v1\.([0-9]+)\./.exec(version) ?? [];
  if (!minor) throw new Error(`a Kubernetes version must look like v1.37.2, got ${version}`);
  return Number(minor);
}
