// Rules of recurrence: the usual ones as choices, and any one in words.

const DAYS = ["SU", "MO", "TU", "WE", "TH", "FR", "SA"];
const DAY_WORDS = { SU: "Sunday", MO: "Monday", TU: "Tuesday", WE: "Wednesday", TH: "Thursday", FR: "Friday", SA: "Saturday" };
const NTH = { 1: "first", 2: "second", 3: "third", 4: "fourth", "-1": "last" };

/** Returns the choices for a maintenance that begins at a local time such as "2029-03-04T02:00", as rules and words. */
export function usualRules(local) {
  const date = new Date(`${local}Z`);
  const known = !Number.isNaN(date.valueOf());
  const day = DAYS[known ? date.getUTCDay() : 0];
  const number = known ? date.getUTCDate() : 1;
  const nth = Math.ceil(number / 7);
  const which = nth > 4 ? -1 : nth;
  return {
    "": "It takes place once",
    "FREQ=DAILY": "Daily",
    [`FREQ=WEEKLY;BYDAY=${day}`]: `Weekly on ${DAY_WORDS[day]}`,
    [`FREQ=MONTHLY;BYMONTHDAY=${number}`]: `Monthly on day ${number}`,
    [`FREQ=MONTHLY;BYDAY=${which}${day}`]: `Monthly on the ${NTH[which]} ${DAY_WORDS[day]}`,
    own: "By a rule of my own",
  };
}

/** Returns what kind of choice a rule is, so that it can be kept while the day changes. */
export function kindOf(rule) {
  if (!rule) return "";
  if (rule === "own") return "own";
  return rule.replace(/=-?\d?(SU|MO|TU|WE|TH|FR|SA)$/, (found) => (/\d/.test(found) ? "=nth" : "=day")).replace(/BYMONTHDAY=\d+$/, "BYMONTHDAY");
}

/** Returns a rule in words; what has none is shown as it is. */
export function ruleWords(rule) {
  if (!rule) return "Once";
  if (rule === "FREQ=DAILY") return "Daily";
  const weekly = /^FREQ=WEEKLY;BYDAY=([A-Z]{2}(?:,[A-Z]{2})*)$/.exec(rule);
  if (weekly) return `Weekly on ${weekly[1].split(",").map((day) => DAY_WORDS[day]).join(", ")}`;
  const dated = /^FREQ=MONTHLY;BYMONTHDAY=(\d+)$/.exec(rule);
  if (dated) return `Monthly on day ${dated[1]}`;
  const nth = /^FREQ=MONTHLY;BYDAY=(-?\d)([A-Z]{2})$/.exec(rule);
  if (nth && NTH[nth[1]]) return `Monthly on the ${NTH[nth[1]]} ${DAY_WORDS[nth[2]]}`;
  return `By the rule ${rule}`;
}
