// The environment variables that a kubelet sets for Services ("service links"). Knows the names of such
// variables, and no setting.
// https://kubernetes.io/docs/tutorials/services/connect-applications-service/#environment-variables

const shapes = [
  /_SERVICE_HOST$/,
  /_SERVICE_PORT(_[A-Z0-9_]+)?$/,
  /_PORT$/,
  /_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/,
];

/**
 * Whether a Service of any name, with ports of any names, sets a variable of this name in pods of its namespace. The
 * Service `spikegate-metrics` sets `SPIKEGATE_METRICS_PORT=tcp://10.96.47.179:8080`.
 */
export const isServiceLink = (name: string): boolean => shapes.some((shape) => shape.test(name));
