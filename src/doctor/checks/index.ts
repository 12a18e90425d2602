// All checks, in the order of the report.
import type { Check } from '../findings.ts';
import { callersAreCertified, pathsAreSecret } from './callers.ts';
import { bundleMatches, certificateIsValid } from './certificates.ts';
import { permissions, version } from './cluster.ts';
import { definitionsAreCurrent } from './definitions.ts';
import { leaderClockIsRight, leaderIsAlive, termsAreKnown } from './leader.ts';
import { namespacesCanGo, salesAreGuarded } from './namespaces.ts';
import { replicasAreAlike, replicasAreThere } from './replicas.ts';
import { countersAreRight, holdsAreYoung, nothingIsOversold, ordersExpire } from './sale.ts';
import {
  configurationsAreCurrent,
  installationIsAlone,
  serviceHasEndpoints,
  webhooksAnswer,
} from './webhooks.ts';

export const checks: readonly Check[] = [
  version,
  permissions,
  definitionsAreCurrent,
  configurationsAreCurrent,
  installationIsAlone,
  pathsAreSecret,
  callersAreCertified,
  serviceHasEndpoints,
  replicasAreThere,
  replicasAreAlike,
  certificateIsValid,
  bundleMatches,
  webhooksAnswer,
  leaderIsAlive,
  leaderClockIsRight,
  termsAreKnown,
  holdsAreYoung,
  ordersExpire,
  countersAreRight,
  nothingIsOversold,
  namespacesCanGo,
  salesAreGuarded,
];
