// Runs one lazy query with Polars: node polars.js QUERY.polars.js IN.parquet OUT CODEC
// POLARS_MAX_THREADS says how many threads. The query is a module: a function of {pl, flights} that gives the frame to write. Its
// property ordered says that the rows written have an order to keep.
//
// The new streaming engine runs what is written to Parquet; collected frames take what POLARS_ENGINE says, streaming by default.
const path = require("path");
const pl = require("nodejs-polars").default;

function main([query, input, out, codec]) {
  const make = require(path.resolve(query));
  const frame = make({ pl, flights: pl.scanParquet(input) });
  const engine = process.env.POLARS_ENGINE || "streaming";
  if (out.endsWith(".parquet")) {
    const options = { compression: codec, rowGroupSize: 122880, maintainOrder: Boolean(make.ordered) };
    if (engine === "streaming") frame.sinkParquet(out, options).collectSync({ engine });
    else frame.collectSync({ engine }).writeParquet(out, options);
    return;
  }
  frame.collectSync({ engine }).writeCSV(out);
}

try {
  main(process.argv.slice(2));
} catch (e) {
  console.error(e.message);
  process.exit(1);
}
