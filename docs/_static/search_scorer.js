// Pages that list everything contain every word: they come after those that explain it, and answers come first.
const LISTS = [
  "architecture", "explanation", "generated/api/", "generated/commands", 
  "generated/tutorials/index", "howto", "index", "json", "reference",
];
var Scorer = {
  score: ([page, title, anchor, description, score]) =>
    score + (page === "faq" ? 1 : 0)
    - (LISTS.some((name) => page === name || (name.endsWith("/") && page.startsWith(name))) ? 4 : 0),
  objNameMatch: 18, objPartialMatch: 6, objPrio: { 0: 15, 1: 5, 2: -5 }, objPrioDefault: 0,
  title: 15, partialTitle: 7, term: 5, partialTerm: 2,
};
