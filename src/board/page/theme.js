// Runs before the first paint, so that a theme once chosen does not flash. The button is board.js's.
try {
  const theme = localStorage.getItem('spikegate-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // Storage may be forbidden; then the system's theme it is.
}
