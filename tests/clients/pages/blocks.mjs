// Writes the pages' own settings for front ends' libraries, and the schema, to generated/docs.
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";

mkdirSync("generated/docs", { recursive: true });
copyFileSync("../../../schema.graphql", "generated/docs/schema.graphql");
const page = readFileSync("../../../docs/client.md", "utf8");
for (const [, text, name] of page.matchAll(/^```js\n(\/\/ tour: (keys\.mjs|eslint\.config\.mjs)\n.*?)^```$/gms)) {
  writeFileSync(`generated/docs/${name}`, text);
}
