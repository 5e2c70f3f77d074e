// Bundle each lab's entry into one ES module beside the Python that loads it, and the styles.
// `--compare` writes nothing and fails if a committed bundle is not what its sources give.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const BUNDLES = {
  "training.js": "../training/face.js",
  "figure.js": "../plots/figure.js", // a plain script that a page holds
  "styles/face.css": "../common/face.css",
  "styles/figure.css": "../plots/figure.css",
};
const SCRIPT = "figure.js";
const NOTICE = "Built from widgets/js by `npm run build`: edit the sources there.";
const compare = process.argv.includes("--compare");

for (const [entry, outfile] of Object.entries(BUNDLES)) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: entry === SCRIPT ? "iife" : "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    minify: entry.endsWith(".js") || entry.endsWith("figure.css"),
    banner: { js: `// ${NOTICE}`, css: `/* ${NOTICE} */` },
    write: !compare,
  });
  if (compare && outputFiles[0].text !== (await readFile(outfile, "utf8"))) {
    console.error(`${outfile} is not what its sources give: run \`npm run build\` in widgets/js.`);
    process.exitCode = 1;
  }
}
