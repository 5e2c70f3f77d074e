export const PANELS = {};
