// Runs one SQL file with DuckDB: node duckdb.js QUERY.sql IN.parquet OUT CODEC
// THREADS says how many threads (2). In the query, $path, $out and $codec stand for the arguments.
const fs = require("fs");
const { DuckDBInstance } = require("@duckdb/node-api");

async function main([query, path, out, codec]) {
  const sql = fs
    .readFileSync(query, "utf8")
    .replaceAll("$path", () => path)
    .replaceAll("$out", () => out)
    .replaceAll("$codec", () => codec);
  const db = await DuckDBInstance.create(":memory:", { threads: process.env.THREADS || "2" });
  const connection = await db.connect();
  await connection.run(sql);
  connection.closeSync();
}

main(process.argv.slice(2)).catch((e) => {
  console.error(e.message);
  process.exit(1);
});
