// A chart of counts by the second: one step per second, newest on the right. Its numbers stand beside it as text.

const height = 32;

/** @param {Element} svg @param {readonly number[]} counts */
export function drawChart(svg, counts) {
  const peak = Math.max(1, ...counts);
  let line = `M0 ${height}`;
  counts.forEach((count, second) => {
    const y = (height - (count / peak) * (height - 2)).toFixed(2);
    line += `V${count === 0 ? height : y}H${second + 1}`;
  });
  let path = svg.firstElementChild;
  if (!path) {
    svg.setAttribute('viewBox', `0 0 ${counts.length} ${height}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    svg.append(path);
  }
  const d = `${line}V${height}Z`;
  if (path.getAttribute('d') !== d) path.setAttribute('d', d);
}

/** The mean of the last `n` counts. @param {readonly number[]} counts @param {number} n */
export const lately = (counts, n) => sum(counts.slice(-n)) / n;

/** @param {readonly number[]} counts */
export const sum = (counts) => counts.reduce((all, count) => all + count, 0);
