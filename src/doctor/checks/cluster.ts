// Checks the version of the API server, and whether the doctor may read the objects that the other checks need.

import type { Check } from '../findings.ts';
import type { Access } from '../observation.ts';

/** The oldest supported version. It also stands in the README, docs/install.md and the chart's kubeVersion. */
export const oldestMinor = 31;

export const version: Check = {
  name: `the API server is Kubernetes 1.${oldestMinor} or newer`,
  run({ version }) {
    const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
    if (!major) return [{ unchecked: `the API server calls itself "${version}"` }];
    if (Number(major) > 1 || Number(minor) >= oldestMinor) return [];
    return [
      {
        severity: 'error',
        reason: 'ServerTooOld',
        where: 'apiserver',
        what: `it is Kubernetes ${version}, Spikegate needs 1.${oldestMinor} or newer`,
        remedy: 'upgrade the cluster',
      },
    ];
  },
};

export const permissions: Check = {
  name: 'these credentials may look at everything',
  run({ denied }) {
    if (denied.length === 0) return [];
    return [
      {
        severity: 'warning',
        reason: 'PermissionsMissing',
        where: 'kubeconfig',
        what: `these credentials may not ${denied.map(inWords).join(', ')}`,
        remedy: `kubectl auth can-i ${canI(denied[0]!)}   # and again as a user who may: --context NAME`,
      },
    ];
  },
};

const target = ({ group, resource }: Access): string => (group ? `${resource}.${group}` : resource);

function inWords(access: Access): string {
  const { verb, name, namespace } = access;
  return `${verb} ${target(access)}${name ? ` ${name}` : ''}${namespace ? ` in ${namespace}` : ''}`;
}

function canI(access: Access): string {
  const { verb, name, namespace } = access;
  return `${verb} ${target(access)}${name ? `/${name}` : ''}${namespace ? ` -n ${namespace}` : ' -A'}`;
}
