// The scenarios on the control-plane.
import { runScenarios } from './run.ts';

await runScenarios('control-plane');
