// Colours: as the system has them, or as a person has chosen for this browser.

export type Theme = 'auto' | 'dark' | 'light';

const THEMES: readonly Theme[] = ['auto', 'dark', 'light'];
const KEY = 'tickcast-theme';

export function storedTheme(): Theme {
  try {
    return THEMES.find(theme => theme === localStorage.getItem(KEY)) ?? 'auto';
  } catch {
    // Storage may be forbidden: the page then follows the system.
    return 'auto';
  }
}

export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch { /* it holds as long as the page is open */ }
}

export const nextTheme = (theme: Theme): Theme => THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'auto';
