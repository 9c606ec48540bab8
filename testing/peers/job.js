// Runs one job: DuckDB makes the table features by QUERY.sql and writes it as CSV, and XGBoost learns from that by QUERY.py.
// node job.js QUERY IN.parquet OUT.npy DIR PYTHON
// THREADS says how many threads (2). In DIR are the hand-over, the model, its metrics, and account.json: what writing and reading
// the hand-over took is no part of the work.
const fs = require("fs");
const path = require("path");
const { spawnSync } = require("child_process");
const { DuckDBInstance } = require("@duckdb/node-api");

async function main([query, input, out, dir, python]) {
  const handover = path.join(dir, "features.csv");
  const db = await DuckDBInstance.create(":memory:", { threads: process.env.THREADS || "2" });
  const connection = await db.connect();
  await connection.run(fs.readFileSync(query + ".sql", "utf8").replaceAll("$path", () => input));
  const [began, used] = [performance.now(), process.cpuUsage()];
  await connection.run(`COPY features TO '${handover}' (FORMAT csv, HEADER)`);
  const { user, system } = process.cpuUsage(used);
  const written = { name: "hand-over written", wall: (performance.now() - began) / 1e3, cpu: (user + system) / 1e6 };
  connection.closeSync();
  db.closeSync(); // its memory is not held while XGBoost has its own
  const py = spawnSync(python, [query + ".py", handover, out, dir], { stdio: ["ignore", "pipe", "inherit"] });
  if (py.status !== 0) throw new Error(`${query}.py: ${py.error || "exit code " + py.status}`);
  fs.writeFileSync(path.join(dir, "account.json"), JSON.stringify({ apart: [written, JSON.parse(py.stdout)] }));
}

main(process.argv.slice(2)).catch((e) => {
  console.error(e.message);
  process.exit(1);
});
