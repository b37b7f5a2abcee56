// Light, dark and high contrast: as the system says, or as chosen here.

import { keep, kept } from "./local.js";

export const THEMES = { "": "As the system", light: "Light", dark: "Dark", contrast: "High contrast" };

/** Returns the chosen theme, empty for the system's. */
export const theme = () => kept("theme", "");

/** Chooses a theme, and keeps it. */
export function setTheme(name) {
  keep("theme", name);
  applyTheme();
}

/** Puts the chosen theme on the page. */
export function applyTheme() {
  const name = theme();
  if (name in THEMES && name) document.documentElement.dataset.theme = name;
  else delete document.documentElement.dataset.theme;
}
