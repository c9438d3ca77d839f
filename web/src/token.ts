// The token that this page sends: of this tab, as long as it is open, and never in the address.

const KEY = 'tickcast-token';
/** Where storage is forbidden, it holds as long as the page is loaded. */
let held = '';

export function storedToken(): string {
  try {
    return sessionStorage.getItem(KEY) ?? held;
  } catch {
    return held;
  }
}

export function storeToken(token: string): void {
  held = token;
  try {
    sessionStorage.setItem(KEY, token);
  } catch { /* see above */ }
}
