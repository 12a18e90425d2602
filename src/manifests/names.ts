// The names under which Spikegate is installed, and which version this is.

export const version = '0.1.0';

/** The names of an installation's objects. The cluster-wide ones are the only ones of their kind: two need two names. */
export interface InstallationNames {
  /** Of the Deployment, the PriorityClass, and what begins with it: the roles of people. */
  name: string;
  configuration: string;
  serviceAccount: string;
  service: string;
  metricsService: string;
  lease: string;
  certSecret: string;
}

export const namesOf = (name: string): InstallationNames => ({
  name,
  configuration: name,
  serviceAccount: name,
  service: `${name}-webhook`,
  metricsService: `${name}-metrics`,
  lease: name,
  certSecret: `${name}-serving-cert`,
});

/** An installation unless told otherwise. */
export const deployment = { namespace: 'spikegate-system', ...namesOf('spikegate') };
