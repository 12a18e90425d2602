// `spikegate doctor` as a command: connects to the cluster, runs the doctor, and returns the exit code.

import { loadConfig } from '../kube/config.ts';
import { createClient } from '../kube/json-client.ts';
import { systemClock } from '../runtime/clock.ts';
import { exitCodes, runDoctor } from './doctor.ts';
import type { DoctorOptions } from './options.ts';
import { dialTls } from './serving.ts';

/** Pause before a second read. A leader renews its lease every two seconds; a settlement takes less than this, too. */
const lookAgainMs = 5000;

/** Prints the report or the error. Resolves to the exit code. */
export async function doctor({ kubeconfig, context, output, ...expected }: DoctorOptions): Promise<number> {
  try {
    const config = loadConfig({
      ...(kubeconfig ? { file: kubeconfig } : {}),
      ...(context ? { context } : {}),
    });
    const client = createClient(config, { userAgent: 'spikegate-doctor' });
    try {
      return await runDoctor({ client, expected, clock: systemClock, dial: dialTls, lookAgainMs }, output, {
        print: console.log,
        isTerminal: process.stdout.isTTY === true,
      });
    } finally {
      client.close();
    }
  } catch (error) {
    console.error(`spikegate doctor: the cluster could not be looked at: ${(error as Error).message}`);
    return exitCodes.failed;
  }
}
