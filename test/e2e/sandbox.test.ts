// The scenarios on the sandbox.
import { runScenarios } from './run.ts';

await runScenarios('sandbox');
