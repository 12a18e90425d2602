// Sets the stored theme before the first paint; otherwise the page would flash in another theme. The button is in
// board.js.
try {
  const theme = localStorage.getItem('spikegate-theme');
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
  // The browser forbids storage. The page keeps the system's theme.
}
