// Bundle each lab's entry into one ES module beside the Python that loads it, and the styles.
// `--compare` writes nothing and fails if a committed bundle is not what its sources give.
import { readFile } from "node:fs/promises";
import { build } from "esbuild";

const BUNDLES = {
  "training.js": "../training/face.js",
  "figure.js": "../plots/figure.js", // plain scripts that a page holds
  "arrows.js": "../plots/arrows.js",
  "styles/face.css": "../common/face.css",
  "styles/figure.css": "../plots/figure.css",
  "styles/arrows.css": "../plots/arrows.css",
};
const SCRIPTS = ["figure.js", "arrows.js"];
const NOTICE = "Built from widgets/js by `npm run build`: edit the sources there.";
const compare = process.argv.includes("--compare");

for (const [entry, outfile] of Object.entries(BUNDLES)) {
  const { outputFiles } = await build({
    entryPoints: [entry],
    outfile,
    bundle: true,
    format: SCRIPTS.includes(entry) ? "iife" : "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    minify: !entry.endsWith("face.css"),
    banner: { js: `// ${NOTICE}`, css: `/* ${NOTICE} */` },
    write: !compare,
  });
  if (compare && outputFiles[0].text !== (await readFile(outfile, "utf8"))) {
    console.error(`${outfile} is not what its sources give: run \`npm run build\` in widgets/js.`);
    process.exitCode = 1;
  }
}
