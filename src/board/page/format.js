// Numbers and times in words. Pure; knows no document.

const integerFormat = new Intl.NumberFormat('en');
const decimalFormat = new Intl.NumberFormat('en', { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const timeFormat = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const dateFormat = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
});

/** @param {number} count */
export const count = (count) => integerFormat.format(count);

/** `1 order`, `2 orders`. @param {number} many @param {string} one @param {string} [more] */
export const counted = (many, one, more = `${one}s`) => `${count(many)} ${many === 1 ? one : more}`;

/** A rate per second, with one decimal below 10. @param {number} value */
export const rate = (value) =>
  value > 0 && value < 10 ? decimalFormat.format(value) : count(Math.round(value));

/** @param {number} ms */
export const milliseconds = (ms) => `${ms < 10 ? decimalFormat.format(ms) : count(Math.round(ms))} ms`;

/** `14:02:11`, in the time zone of the browser. @param {number} at */
export const timeOfDay = (at) => timeFormat.format(at);

/** @param {number} at */
export const date = (at) => dateFormat.format(at);

/** A countdown: `0:07`, `2:31`, `3 h 10 min`, `4 days`. @param {number} ms */
export function duration(ms) {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
  const hours = Math.floor(seconds / 3600);
  if (hours < 48) return `${hours} h ${Math.floor((seconds % 3600) / 60)} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** A rough duration: `8 s`, `3 min`, `2 h`, `4 days`. @param {number} ms */
export function roughly(ms) {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 90) return `${seconds} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}

/** `SaleNotStarted` → `Sale not started`. @param {string} reason */
export function spaced(reason) {
  const words = reason.replace(/([a-z])([A-Z])/g, '$1 $2');
  return words.charAt(0) + words.slice(1).toLowerCase();
}
