// The glossary of CONTRIBUTING.md, as the page uses it.
export const CHINESE = {};
