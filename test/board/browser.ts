// Debian's Chromium, driven by playwright-core, for tests and pictures of the board. Where there is none, callers
// say so and leave out what needs it.
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrowserContext, chromium, type Page } from 'playwright-core';

/** Quiet and alone: a profile of its own, and no traffic but to the page. */
const flags = [
  ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
];

export interface Look {
  width: number;
  height: number;
  theme?: 'light' | 'dark';
  /** Device pixels per CSS pixel. */
  scale?: number;
}

/** CHROMIUM, or where Debian has it; undefined when there is none. */
export function findChromium(): string | undefined {
  for (const path of [process.env.CHROMIUM, '/usr/bin/chromium']) {
    if (!path) continue;
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // The next one.
    }
  }
  return undefined;
}

export const noChromium =
  'there is no Chromium (CHROMIUM names one, Debian has it as the package "chromium")';

/** Opens a browser with a window of `look`; `close` leaves nothing behind. */
export async function openBrowser(
  executablePath: string,
  look: Look,
): Promise<{ context: BrowserContext; page: Page; close(): Promise<void> }> {
  const profile = await mkdtemp(join(tmpdir(), 'spikegate-browser-'));
  const { width, height, theme = 'light', scale = 1 } = look;
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    args: flags,
    viewport: { width, height },
    colorScheme: theme,
    deviceScaleFactor: scale,
    reducedMotion: 'reduce',
    serviceWorkers: 'block',
  });
  const page = context.pages()[0] ?? (await context.newPage());
  return {
    context,
    page,
    async close() {
      await context.close();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}
