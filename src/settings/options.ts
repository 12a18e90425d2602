// Turns the rows of settings into options of a command: flags, environment variables, help.
import { Command, Option } from 'commander';
import type { Row } from './row.ts';
import { rows, type ServeSettings } from './serve.ts';
import { isServiceLink } from './service-links.ts';

const allRows = Object.entries(rows) as [keyof ServeSettings, Row<unknown>][];

/** Adds the options of `serve` to a command. A flag overrides its environment variable. */
export function withServeOptions(command: Command): Command {
  for (const [name, row] of allRows) {
    const option = optionOf(row);
    if (option.attributeName() !== name) throw new Error(`${row.flag} is not the flag of ${name}`);
    // A Service of the cluster must not be able to change a setting.
    if (isServiceLink(row.env)) throw new Error(`a Service could set ${row.env}; rename the variable`);
    command.addOption(option);
  }
  return command;
}

/** `--parts` and `--namespaces` for other commands, which do not read environment variables. */
export const partsOption = (): Option => flagOf(rows.parts);
export const namespacesOption = (): Option => flagOf(rows.namespaces);

const flagOf = <T>({ flag, help, parse, default: value, defaultText }: Row<T>): Option =>
  new Option(flag, help).argParser(parse).default(value, defaultText);

function optionOf(row: Row<unknown>): Option {
  const option = new Option(row.flag, row.help).helpGroup(`${row.group}:`);
  const isSwitch = !option.required && !option.optional;
  if (isSwitch) return switchOf(option, row);
  option.env(row.env).argParser(row.parse);
  // `choices` sets its own parser, which checks the value.
  if (row.choices) option.choices(row.choices);
  if (row.default !== undefined) return option.default(row.default, row.defaultText);
  // commander shows no default when the value is undefined.
  if (row.defaultText) option.description += ` (default: ${row.defaultText})`;
  return option;
}

/**
 * commander turns a switch on when its variable is set, whatever the value: SPIKEGATE_BOARD=false would open the board,
 * and SPIKEGATE_LEADER_ELECT=true would turn the election off. So the variable's value becomes the default here.
 */
function switchOf(option: Option, row: Row<unknown>): Option {
  const text = process.env[row.env];
  option.description += ` (env: ${row.env}=true or false)`;
  return option.default(text ? row.parse(text) : row.default);
}

/**
 * Finds variables that a person seems to have set in vain, and returns one line for each. Example: SPIKEGATE_PORT is not
 * read, because a Service could set it. A value that a Service has set (`tcp://10.96.0.7:8080`) is not reported.
 */
export function unreadVariables(env: NodeJS.ProcessEnv): string[] {
  return allRows.flatMap(([name, row]) => {
    const expected = `SPIKEGATE_${name.replace(/[A-Z]/g, '_$&').toUpperCase()}`;
    const value = env[expected];
    if (expected === row.env || value === undefined || value.includes('://')) return [];
    return [`${expected} is not read, since a Service can set a variable of that name: set ${row.env}`];
  });
}

/** The settings of `serve` without flags. */
export function defaultServeSettings(): ServeSettings {
  return withServeOptions(new Command()).parse([], { from: 'user' }).opts<ServeSettings>();
}
