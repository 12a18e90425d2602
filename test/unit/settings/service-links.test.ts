// A kubelet gives every pod the addresses of the Services beside it as variables. None of them is ever read as a setting,
// whatever the Services are called.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from 'commander';
import { defaultServeSettings, unreadVariables, withServeOptions } from '../../../src/settings/options.ts';
import type { ServeSettings } from '../../../src/settings/serve.ts';
import { isServiceLink } from '../../../src/settings/service-links.ts';

/** What the kubelet of Kubernetes 1.37 makes of one Service (pkg/kubelet/envvars/envvars.go). */
function serviceLinks(service: string, ports: readonly { name: string; number: number }[]) {
  const upper = (text: string) => text.toUpperCase().replaceAll('-', '_');
  const address = '10.96.47.179';
  const prefix = upper(service);
  const [first] = ports;
  const links: Record<string, string> = {
    [`${prefix}_SERVICE_HOST`]: address,
    [`${prefix}_SERVICE_PORT`]: String(first!.number),
    [`${prefix}_PORT`]: `tcp://${address}:${first!.number}`,
  };
  for (const { name, number } of ports) {
    if (name) links[`${prefix}_SERVICE_PORT_${upper(name)}`] = String(number);
    for (const protocol of ['tcp', 'udp', 'sctp']) {
      const port = `${prefix}_PORT_${number}_${upper(protocol)}`;
      links[port] = `${protocol}://${address}:${number}`;
      links[`${port}_PROTO`] = protocol;
      links[`${port}_PORT`] = String(number);
      links[`${port}_ADDR`] = address;
    }
  }
  return links;
}

const options = withServeOptions(new Command()).options;
/** Every piece of every setting's name, as people who know the flags may name a Service or a port. */
const pieces = [
  ...new Set(
    options.flatMap((option) => {
      const words = (option.long ?? '').replace(/^--(no-)?/, '').split('-');
      return words.map((_, index) => words.slice(0, index + 1).join('-'));
    }),
  ),
  ...['number', 'host', 'service', 'metrics-service', 'port-number'],
];

test('the variables of Services have the shapes that are known', () => {
  const links = pieces.flatMap((piece) =>
    Object.keys(serviceLinks(`spikegate-${piece}`, [{ name: piece, number: 8080 }])),
  );
  assert.deepEqual(
    links.filter((name) => !isServiceLink(name)),
    [],
  );
});

test('no Service changes a setting', () => {
  const defaults = defaultServeSettings();
  const ports = pieces.map((name, index) => ({ name, number: 8000 + index }));
  for (const service of ['spikegate', ...pieces.map((piece) => `spikegate-${piece}`)]) {
    assert.deepEqual(settings(serviceLinks(service, [...ports, { name: '', number: 1 }])), defaults, service);
  }
});

test('ports come from variables that no Service can set', () => {
  const environment = { SPIKEGATE_PORT_NUMBER: '9444', SPIKEGATE_METRICS_PORT_NUMBER: '8081' };
  const { port, metricsPort } = settings(environment);
  assert.deepEqual({ port, metricsPort }, { port: 9444, metricsPort: 8081 });
});

test('a port in a variable that is not read is told, the link of a Service is not', () => {
  assert.deepEqual(
    unreadVariables({ SPIKEGATE_PORT: '9444', SPIKEGATE_METRICS_PORT: 'tcp://10.96.47.179:8080' }),
    [
      'SPIKEGATE_PORT is not read, since a Service can set a variable of that name: set SPIKEGATE_PORT_NUMBER',
    ],
  );
});

function settings(environment: Record<string, string>): ServeSettings {
  const before = { ...process.env };
  Object.assign(process.env, environment);
  try {
    return withServeOptions(new Command()).exitOverride().parse([], { from: 'user' }).opts<ServeSettings>();
  } finally {
    for (const name of Object.keys(environment)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}
