// What the icons of buttons are made of.

export const icon = (path) => `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${path}"/></svg>`;
export const AGAIN = icon("M17.7 6.3A8 8 0 1 0 20 12h-2.2A5.8 5.8 0 1 1 16 7.9L13 11h8V3z"); // another seed, other digits
